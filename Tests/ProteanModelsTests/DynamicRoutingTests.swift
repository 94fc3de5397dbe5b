import Foundation
import ProteanModels
import Testing

@testable import Protean

/// Dynamic routing for segmentation against the published program
/// (Tests/Golden/generate/routing.py): names, gates and logits of single images.
@Suite(.serialized) struct DynamicRoutingTests {
    static let golden = Result {
        try Checkpoint.open(TestFiles.golden("models/dynamic_routing.safetensors"))
    }

    /// As `uniform` of the generator.
    static func uniform(_ key: String, _ range: ClosedRange<Float>, _ shape: [Int]) throws -> Tensor
    {
        let seed = key.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
        }
        return try Initializer.uniform(shape, in: range, seed: seed)
    }

    /// As `bound` of the generator.
    private static func bound(_ key: String, _ shape: [Int]) -> ClosedRange<Float> {
        if key.hasSuffix("gate_conv_beta.2.bias") { return -0.9...0.5 }
        if key.hasSuffix("gate_conv_beta.2.weight") { return -1.5...1.5 }
        if key.hasSuffix("running_var") { return 0.5...1.5 }
        if shape.count < 2 {
            let low: Float = key.contains(".op.3.") ? 0.1 : 0.5
            return key.hasSuffix("norm.weight") ? low...3 * low : -0.25...0.25
        }
        let edge = (6 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
        return -edge...edge
    }

    static func small() throws -> DynamicRoutingNetwork {
        let network = try DynamicRoutingNetwork(layers: 5, channels: 8, classes: 5)
        network.assignLabels()
        for named in network.allParameters() {
            let shape = named.parameter.shape
            try named.parameter.set(try uniform(named.name, bound(named.name, shape), shape))
        }
        return network
    }

    static func image(_ index: Int) throws -> Tensor {
        let noise = try uniform("image.\(index)", -1...1, [1, 128, 160, 3])
        return try noise * (Float(index + 1) / 2)
            + uniform("colour.\(index)", -3...3, [1, 1, 1, 3])
    }

    /// Every fourth pixel of every fourth row.
    static func sparse(_ y: Tensor) throws -> Tensor {
        let rows = try Operations.indexSelect(
            y, axis: 1, indices: Array(stride(from: 0, to: y.shape[1], by: 4)))
        return try Operations.indexSelect(
            rows, axis: 2, indices: Array(stride(from: 0, to: y.shape[2], by: 4)))
    }

    @Test func keysAndCountAreThePublished() throws {
        let model = try ModelLoader.standard.makeModel("dynamic_routing_l16")
        let list = try String(
            contentsOfFile: TestFiles.golden("models/dynamic_routing_l16.keys.txt"),
            encoding: .utf8)
        let found = model.allParameters().map { "\($0.name) \($0.parameter.shape)" }
        #expect(Set(found) == Set(list.split(separator: "\n").map(String.init)))
        #expect(found.count == Set(found).count)
        #expect(model.parameterCount == 17_784_968)
    }

    @Test func imagesChooseThePathsOfTheProgram() throws {
        let network = try Self.small()
        let file = try Self.golden.get()
        var closed = 0, asked = 0
        for index in 0..<4 {
            let trace = DecisionTrace()
            let y = try trace.recording { try network(try Self.image(index)) }
            let wanted = try file.tensor("y.\(index)")
            let largest = wanted.elements.map(abs).max() ?? 0
            #expect(try Self.sparse(y).maximumDifference(from: wanted) < 1e-4 * largest)
            // The same cells were asked, with the same weights.
            let gates = file.names.filter { $0.hasPrefix("gate.\(index).") }
            #expect(
                Set(trace.sites.map { "gate.\(index).\($0).gate_conv_beta" }) == Set(gates))
            for entry in trace.entries {
                let gate = try file.tensor("gate.\(index).\(entry.site).gate_conv_beta").elements
                for (port, weight) in gate.enumerated() {
                    let pick = entry.choice.picks[0].first { $0.action == port }
                    #expect(abs((pick?.weight ?? 0) - weight) < 1e-4, "\(entry.site)")
                    closed += weight == 0 ? 1 : 0
                    asked += 1
                }
            }
        }
        #expect(closed > 0 && closed < asked)
    }

    /// Four images in one batch choose what each chooses alone, bit for bit.
    @Test func imagesOfABatchDecideForThemselves() throws {
        let network = try Self.small()
        let images = try (0..<4).map(Self.image)
        let batch = try Operations.concatenate(images, axis: 0)
        var paths: Set<[[Int]?]> = []
        for isa in KernelISA.supported {
            for threads in [1, 3] {
                let (y, routing) = try Runtime.with(isa: isa, threads: threads) {
                    try network.decided(batch)
                }
                for index in 0..<4 where threads == 1 || index == 2 {
                    let trace = DecisionTrace()
                    let (own, alone) = try Runtime.with(isa: isa, threads: 2) {
                        try trace.recording { try network.decided(images[index]) }
                    }
                    let row = try Operations.indexSelect(y, axis: 0, indices: [index])
                    #expect(
                        zip(row.elements, own.elements).allSatisfy {
                            $0.bitPattern == $1.bitPattern
                        }, "\(isa) \(threads) \(index)")
                    #expect(alone.executed == [routing.executed[index]])
                    paths.insert(trace.path(ofRow: 0))
                }
            }
        }
        #expect(paths.count > 1)
        let full = try network.backbone.cost(for: [1, 128, 160, 3]).multiplyAdds
        let (_, routing) = try network.decided(batch)
        #expect(routing.executed.allSatisfy { $0 < full && $0 > full / 10 })
    }

    /// Executed multiply-adds are those of the layers that ran.
    @Test func executedIsWhatRan() throws {
        let network = try Self.small()
        let images = try Operations.concatenate((0..<3).map(Self.image), axis: 0)
        let trace = Trace()
        let (_, routing) = try trace.recording { try network.decided(images) }
        let head = trace.events.filter { $0.path.hasPrefix("sem_seg_head") }
            .reduce(0) { $0 + $1.cost.multiplyAdds }
        #expect(head > 0)
        #expect(trace.totalCost.multiplyAdds - head == routing.executed.reduce(0, +))
        #expect(trace.executed(batch: 3) == routing.executed.map { $0 + head / 3 })
    }

    @Test func shapesAndRefusals() throws {
        let network = try Self.small()
        #expect(try network.outputShape(for: [2, 160, 128, 3]) == [2, 160, 128, 5])
        #expect(try network(try Tensor(zeros: [0, 128, 128, 3])).shape == [0, 128, 128, 5])
        for shape in [[1, 96, 128, 3], [1, 128, 130, 3], [1, 3, 128, 128], [128, 128, 3]] {
            #expect(throws: ProteanError.self) { try network(try Tensor(zeros: shape)) }
        }
        for (layers, channels, classes) in [(2, 8, 5), (5, 7, 5), (5, 8, 0)] {
            #expect(throws: ProteanError.self) {
                try DynamicRoutingNetwork(layers: layers, channels: channels, classes: classes)
            }
        }
    }
}
