import Foundation
import Protean
import ProteanModels
import Testing

/// ResNets against torchvision: the names and shapes of all parameters, and logits on weights that
/// follow from a formula (Tests/Golden/generate/resnets.py).
@Suite struct ResNetTests {
    @Test(arguments: ["resnet18", "resnet50"])
    func keysAreTorchvisions(name: String) throws {
        let list = try String(
            contentsOfFile: TestFiles.golden("models/\(name).keys.txt"), encoding: .utf8)
        let expected = list.split(separator: "\n").map(String.init)
            .filter { !$0.contains("num_batches_tracked") }
        let model = try ModelLoader.standard.makeModel(name)
        let found = model.allParameters().map { "\($0.name) \($0.parameter.shape)" }
        #expect(found == expected)
    }

    @Test(arguments: ["resnet18", "resnet34", "resnet50", "resnet101"])
    func logitsAgreeWithPyTorch(name: String) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/resnets.safetensors"))
        let expected = try golden.tensor(name)
        // Convolutions and the linear layer have the formula's weights already.
        let model = try ModelLoader.standard.makeModel(name)
        for named in model.allParameters() where named.parameter.shape.count == 1 {
            try named.parameter.set(Self.values(named.name, named.parameter.shape))
        }
        let shape = [1, 75, 59, 3]
        let x = try Tensor(Self.uniform("x", -1, 1, count: shape.reduce(1, *)), shape: shape)
        let logits = try model(x).reshaped(to: [1000])
        let largest = expected.elements.map(abs).max() ?? 0
        let error = try logits.maximumDifference(from: expected) / largest
        #expect(error < 2e-5)
        print("\(name): logits within \(error) of the largest")
    }

    /// A norm's or a bias's values by its key.
    static func values(_ key: String, _ shape: [Int]) throws -> Tensor {
        let norm = key.contains("bn") || key.contains("downsample.1")
        let isScale = key.hasSuffix("running_var") || norm && key.hasSuffix("weight")
        let (low, high): (Float, Float) = isScale ? (0.5, 1.5) : (-0.25, 0.25)
        return try Tensor(uniform(key, low, high, count: shape[0]), shape: shape)
    }

    /// SplitMix64 numbers after the key's FNV-1a hash, as `uniform` of the generator.
    static func uniform(_ key: String, _ low: Float, _ high: Float, count: Int) -> [Float] {
        var state = key.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
        }
        return (0..<count).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return low + (high - low) * (Float((z ^ (z >> 31)) >> 40) * 0x1p-24)
        }
    }

    @Test(arguments: [
        ("resnet18", 1_814_073_344, 11_689_512), ("resnet34", 3_663_761_408, 21_797_672),
        ("resnet50", 4_089_184_256, 25_557_032), ("resnet101", 7_801_405_440, 44_549_160),
    ])
    func costsArePublishedOnes(name: String, multiplyAdds: Int, parameters: Int) throws {
        let model = try ModelLoader.standard.makeModel(name)
        #expect(try model.outputShape(for: [2, 224, 224, 3]) == [2, 1000])
        let cost = try model.cost(for: [1, 224, 224, 3])
        #expect(cost.multiplyAdds == multiplyAdds)
        // PyTorch's count; batch norm's stored statistics are buffers.
        let statistics = model.allParameters().filter { $0.name.contains("running_") }
            .reduce(0) { $0 + $1.parameter.count }
        #expect((model.parameterCount, model.bufferCount) == (parameters, statistics))
        #expect((cost.parameters, cost.buffers) == (parameters, statistics))
        // A fused batch norm is counted with its convolution.
        let sum = try model.trace(for: [1, 224, 224, 3]).totalCost
        #expect((sum.parameters, sum.buffers) == (parameters, statistics))
    }

    @Test func configurationSetsTheClasses() throws {
        let configuration = try ModelConfiguration(json: #"{"num_classes": 7}"#, source: "test")
        let model = try ModelLoader.standard.makeModel("resnet18", configuration: configuration)
        #expect(try model.outputShape(for: [1, 64, 64, 3]) == [1, 7])
    }

    @Test func seededActivationsStayFinite() throws {
        let model = try ModelLoader.standard.makeModel("resnet50")
        let x = try Tensor(repeating: 0.5, shape: [1, 64, 64, 3])
        let logits = try model(x).elements
        #expect(logits.allSatisfy { $0.isFinite })
        #expect(Set(logits).count > 900)
    }

    @Test func badSizesAreRefused() {
        #expect(throws: ProteanError.self) { try ResNet(block: .basic, stages: []) }
        #expect(throws: ProteanError.self) { try ResNet(block: .basic, stages: [2, 0]) }
        #expect(throws: ProteanError.self) { try ResNet(block: .bottleneck, stages: [1], width: 0) }
        #expect(throws: ProteanError.self) { try ResNet(block: .basic, stages: [1], classes: 0) }
    }
}
