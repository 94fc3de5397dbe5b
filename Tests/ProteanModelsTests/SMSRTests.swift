import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// SMSR against PyTorch (Tests/Golden/generate/smsr.py), and the published network on its test images.
@Suite struct SMSRTests {
    @Test(arguments: [1, 3]) func aSmallNetworkAgreesWithPyTorch(threads: Int) throws {
        let model = try SMSR(scale: 2, features: 16, modules: 2)
        model.assignLabels()
        try model.load(try Checkpoint.open(TestFiles.golden("models/smsr_small.safetensors")))
        let golden = try Checkpoint.open(TestFiles.golden("models/smsr_small_values.safetensors"))
        for isa in KernelISA.supported {
            let trace = Trace()
            let y = try Runtime.with(isa: isa, threads: threads) {
                try trace.recording { try model(try golden.tensor("x")) }
            }
            // Values reach 255; sums run over up to 144 products in nine layers.
            #expect(try y.maximumDifference(from: golden.tensor("y")) < 5e-3, "\(isa)")
            for i in 0..<2 {
                let mask = trace.events.first { $0.path.hasPrefix("body.\(i).") && $0.mask != nil }
                let found = try #require(mask?.mask).mask()
                #expect(try found.maximumDifference(from: golden.tensor("mask.\(i)")) == 0)
            }
            #expect(trace.events.contains { $0.mask != nil && $0.cost.executedShare < 1 })
        }
    }

    @Test func everyChannelDenseIsTheDenseNetwork() throws {
        let module = try SparseMaskModule(channels: 16)
        let pairs = (0..<128).map { i -> Float in i % 2 == 0 ? 1 : 0 }
        try module.block.channelMask.set(try Tensor(pairs, shape: [1, 16, 4, 2]))
        #expect(try module.block.denseChannels() == [16, 16, 16, 16])
        let trace = Trace()
        let values = (0..<768).map { i -> Float in Float(i % 37) / 18 - 1 }
        let x = try Tensor(values, shape: [1, 8, 6, 16])
        _ = try trace.recording { try module(x) }
        #expect(trace.totalCost.executedShare == 1)
        #expect(trace.events.allSatisfy { $0.mask == nil })
    }

    /// An odd image is enlarged as the image continued by its last row and column, cut to size.
    @Test(arguments: [(7, 8), (8, 7), (5, 3), (3, 2), (1, 1), (1, 4)])
    func oddSizesAreContinuedAndCut(height: Int, width: Int) throws {
        for scale in [2, 3] {
            let model = try SMSR(scale: scale, features: 16, modules: 1)
            let count = height * width * 3
            let values = (0..<2 * count).map { Float($0 * 89 % 256) }
            let x = try Tensor(values, shape: [2, height, width, 3])
            let even = (height + height % 2, width + width % 2)
            var continued: [Float] = []
            for sample in 0..<2 {
                for row in 0..<even.0 {
                    for column in 0..<even.1 {
                        let pixel =
                            (sample * height + min(row, height - 1)) * width
                            + min(column, width - 1)
                        continued += values[3 * pixel..<3 * pixel + 3]
                    }
                }
            }
            let y = try model(x)
            #expect(y.shape == [2, scale * height, scale * width, 3])
            let whole = try model(Tensor(continued, shape: [2, even.0, even.1, 3]))
            let expected = try Operations.crop(
                whole, height: scale * height, width: scale * width)
            #expect(y.elements == expected.elements)
            let planned = try model(Tensor(shapeOnly: x.shape))
            #expect(planned.shape == y.shape)
        }
    }

    @Test func inputsThatDoNotFitAreRefusedByTheNetwork() throws {
        let model = try SMSR(scale: 2, features: 16, modules: 1)
        model.assignLabels()
        for shape in [[1, 8, 8, 1], [1, 0, 8, 3], [8, 8, 3]] {
            let error = #expect(throws: ProteanError.self) { try model(Tensor(zeros: shape)) }
            #expect(error?.description.contains("SMSR") == true, "\(String(describing: error))")
            #expect(error?.description.contains("body") == false)
        }
        #expect(throws: ProteanError.self) { try SMSR(scale: 5) }
    }

    static let weights = TestFiles.shared("weights/SMSR_X2_model_1000.pt")

    /// Mean luma PSNR on Set5 and the masks' densities as PyTorch finds them with these weights.
    @Test(.enabled(if: TestFiles.exist(weights), "skipped: no published weights"))
    func thePublishedNetworkReachesItsFigures() throws {
        let model = try ModelLoader.standard.load(Self.weights, as: "smsr_x2")
        let densities = [
            "butterfly": [0.477, 0.584, 0.742, 0.680, 0.645],
            "baby": [0.082, 0.189, 0.398, 0.061, 0.153],
        ]
        var sum = 0.0
        for name in ["baby", "bird", "butterfly", "head", "woman"] {
            let folder = TestFiles.shared("data/set5")
            let small = try Image.decode("\(folder)/LR_bicubic/X2/\(name)x2.png").rgb
            let whole = try Image.decode("\(folder)/HR/\(name).png").rgb
            let trace = Trace()
            let result = try Image(trace.recording { try model(try small.tensor()) })
            sum += try result.lumaPSNR(against: whole, border: 2)
            for (i, expected) in (densities[name] ?? []).enumerated() {
                let masked = trace.events.filter { $0.mask != nil }
                let event = masked.first { $0.path.hasPrefix("body.\(i).") }
                let found = try #require(event?.mask).density
                #expect(abs(found - expected) < 0.001, "\(name), block \(i): \(found)")
            }
            print("\(name): \(trace.totalCost.executedShare) of the multiply-adds executed")
        }
        print("SMSR x2, Set5: \(sum / 5) dB")
        #expect(abs(sum / 5 - 37.991) < 0.01)
    }
}
