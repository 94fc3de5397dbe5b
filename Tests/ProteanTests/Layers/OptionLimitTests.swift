import CProteanKernels
import Foundation
import Testing

@testable import Protean

/// Options that no network has are refused before anything is made or computed.
struct OptionLimitTests {
    private static let huge = 1 << 31

    /// The option that an error names; nil for another error or none.
    private func refused(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch ProteanError.invalidOption(_, let option, _, _) {
            return option
        } catch {
            return "\(error)"
        }
        return nil
    }

    @Test func paddingsOfConvolutionsEndAtTheLargestLength() {
        let conv = refused {
            _ = try Conv2d(
                inputChannels: 1, outputChannels: 1, kernelSize: 3,
                padding: .symmetric(Self.huge))
        }
        #expect(conv == "padding")
        let pack = refused {
            _ = try DeformableConv2dPack(
                inputChannels: 1, outputChannels: 1, kernelSize: 3,
                padding: .symmetric(Self.huge))
        }
        #expect(pack == "padding")
    }

    @Test func aResultBeyondMemoryIsRefusedBeforeItIsComputed() throws {
        let x = try Tensor(zeros: [1, 3, 3, 1])
        let padding = Padding2d.symmetric(OptionLimits.length)
        let layers: [any Layer] = [
            try Conv2d(inputChannels: 1, outputChannels: 1, kernelSize: 3, padding: padding),
            try DeformableConv2dPack(
                inputChannels: 1, outputChannels: 1, kernelSize: 3, padding: padding),
        ]
        for layer in layers {
            let before = ptn_memory_acquisitions()
            do {
                _ = try layer(x)
                Issue.record("16 TiB were had")
            } catch ProteanError.outOfMemory(_, let bytes) {
                #expect(bytes >= 1 << 44)
            }
            #expect(ptn_memory_acquisitions() - before < 10)
        }
    }

    @Test func stepsOfPointRefineEndAtTheLargestLength() throws {
        let steps = refused {
            _ = try PointRefine(inputChannels: 1, classes: 1, steps: Self.huge)
        }
        #expect(steps == "steps")
        let most = try PointRefine(
            inputChannels: 1, classes: 1, hiddenChannels: 1, hiddenLayers: 0, steps: 20, points: 1)
        let x = try Tensor(zeros: [1, 4, 4, 1])
        let before = ptn_memory_acquisitions()
        #expect(throws: ProteanError.outOfMemory(layer: "PointRefine", bytes: 1 << 46)) {
            _ = try most(x, coarse: x)
        }
        #expect(ptn_memory_acquisitions() == before)
    }

    @Test func numbersOfPartsHaveEnds() {
        #expect(
            refused {
                _ = try SpatiallyAdaptiveComputationTime(
                    inputChannels: 4, planes: 1, units: Self.huge)
            } == "units")
        #expect(
            refused {
                _ = try PointRefine(inputChannels: 1, classes: 1, hiddenLayers: Self.huge)
            } == "hiddenLayers")
        #expect(
            refused {
                _ = try CondConv2d(inputChannels: 8, outputChannels: 8, experts: 1_000_000)
            } == "experts")
        #expect(
            refused { _ = try RoIAlign(size: 1, scale: 1, samplingRatio: 65) } == "samplingRatio")
    }

    @Test func everyRangeIsSaid() throws {
        do {
            _ = try Conv2dGeometry(inputChannels: 1, outputChannels: 1, kernelSize: 0)
            Issue.record("a kernel of 0 x 0")
        } catch {
            #expect(
                error.description
                    == "Conv2d: option 'kernelSize' is 0x0, expected 1...\(OptionLimits.length)")
        }
    }

    /// 60,000 experts of a small convolution take 138 MB once they have values.
    @Test func weightsThatDoNotFitAreNoticedBeforeThereAreValues() throws {
        let layer = try CondConv2d(
            inputChannels: 8, outputChannels: 8, bias: true, experts: 60_000)
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("experts-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try Checkpoint.writeSafetensors(
            to: file.path, tensors: [("weight", try Tensor(zeros: [4, 576]))])
        let checkpoint = try Checkpoint.open(file.path)
        #expect(throws: ProteanError.self) { try layer.load(checkpoint) }
        #expect(!layer.weight.isMade)
        #expect(layer.bias?.isMade == false)
        #expect(layer.parameterCount == 60_000 * (576 + 8))
        #expect(!layer.weight.isMade)
    }

    @Test func initialValuesAreThoseOfTheSeedWheneverTheyAreMade() throws {
        let layer = try Linear(inputFeatures: 5, outputFeatures: 3, seed: 9)
        let weight = try Initializer.uniform([3, 5], fanIn: 5, seed: 9)
        #expect(!layer.weight.isMade)
        #expect(layer.weight.value.elements == weight.elements)
        #expect(layer.weight.isMade)
        let norm = try BatchNorm2d(channels: 2)
        #expect(norm.runningVar.value.elements == [1, 1])
        #expect(norm.runningMean.value.elements == [0, 0])
    }

    @Test func memoryHasALimit() throws {
        #expect(Memory.limit > 1 << 20)
        #expect(
            throws: ProteanError.invalidOption(
                layer: "Memory", option: "limit", expected: "at least 1", found: "0")
        ) { try Memory.setLimit(0) }
        let bytes = 1 << 50
        do {
            _ = try Tensor(zeros: [bytes / 4])
            Issue.record("a petabyte was had")
        } catch {
            #expect(
                error.description
                    == "Tensor: no memory for \(bytes) bytes, more than the limit of \(Memory.limit)"
            )
        }
    }
}
