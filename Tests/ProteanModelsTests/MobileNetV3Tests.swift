import Foundation
import ProteanModels
import Testing

@testable import Protean

/// MobileNetV3 in both sizes and with dynamic ReLU: names, shapes and logits of torchvision, timm and
/// a plain PyTorch model, on weights that follow from a formula
/// (Tests/Golden/generate/mobilenet_v3.py).
@Suite(.serialized) struct MobileNetV3Tests {
    /// A network of the golden values.
    struct Network: CustomTestStringConvertible, Sendable {
        /// The golden values' name.
        let golden: String
        /// The plug-in.
        let name: String
        let parameters: Int
        /// Multiply-adds for 224 × 224 pixels that torchvision states or, for dynamic ReLU, the
        /// paper.
        let published: Double

        var testDescription: String { golden }
        var isDynamic: Bool { golden.hasSuffix("dyrelu") }
        var isTimms: Bool { golden.hasSuffix("_100") }

        func keys() throws -> [(name: String, shape: [Int])] {
            let file = TestFiles.golden("models/\(golden).keys.txt")
            return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map {
                let space = try #require($0.firstIndex(of: " "))
                let sizes = $0[space...].split(whereSeparator: { !$0.isNumber })
                return (String($0[..<space]), sizes.compactMap { Int($0) })
            }
        }

        /// A tensor's values, as those of the generator.
        func values(_ key: String, _ shape: [Int]) throws -> Tensor {
            if key.hasSuffix("lambdas") { return try Tensor([1, 1, 0.5, 0.5], shape: [4]) }
            if key.hasSuffix("init_v") { return try Tensor([1, 0, 0, 0], shape: [4]) }
            guard shape.count < 2, key.hasSuffix(".weight") else {
                return try DynamicModelTests.values(key, shape)
            }
            let (low, high): (Float, Float) = isDynamic ? (0.3, 0.9) : (0.4, 1.2)
            return try Tensor(
                ResNetTests.uniform(key, low, high, count: shape.reduce(1, *)), shape: shape)
        }
    }

    static let networks = [
        Network(
            golden: "mobilenetv3_large", name: "mobilenetv3_large", parameters: 5_483_032,
            published: 216.6e6),
        Network(
            golden: "mobilenetv3_small", name: "mobilenetv3_small", parameters: 2_542_856,
            published: 56.5e6),
        Network(
            golden: "mobilenetv3_large_100", name: "mobilenetv3_large_100", parameters: 5_483_032,
            published: 216.6e6),
        Network(
            golden: "mobilenetv3_small_100", name: "mobilenetv3_small_100", parameters: 2_542_856,
            published: 56.5e6),
        Network(
            golden: "mobilenetv3_large_dyrelu", name: "mobilenetv3_large_dyrelu",
            parameters: 9_603_374, published: 230.5e6),
    ]

    /// A file with the formula's weights, removed with its owner.
    private final class WeightFile {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-mobile-\(UUID().uuidString).safetensors").path

        init(_ network: Network) throws {
            try Checkpoint.writeSafetensors(
                to: path,
                tensors: network.keys().map { ($0.name, try network.values($0.name, $0.shape)) })
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func input() throws -> Tensor {
        let shape = [2, 75, 59, 3]
        return try Tensor(
            ResNetTests.uniform("x", -1, 1, count: shape.reduce(1, *)), shape: shape)
    }

    @Test(arguments: networks) func keysAreTheReferences(_ network: Network) throws {
        let model = try ModelLoader.standard.makeModel(network.name)
        let found = model.allParameters().map { "\($0.name) \($0.parameter.shape)" }
        let keys = try network.keys()
        #expect(found.count == keys.count)
        guard !network.isTimms else { return }
        #expect(Set(found) == Set(keys.map { "\($0.name) \($0.shape)" }))
    }

    @Test(arguments: networks) func logitsAgreeWithPyTorch(_ network: Network) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/mobilenet_v3.safetensors"))
        let expected = try golden.tensor(network.golden)
        let file = try WeightFile(network)
        let model = try ModelLoader.standard.load(file.path, as: network.name)
        let logits = try model(Self.input())
        for sample in 0..<2 {
            let wanted = try expected.slice(axis: 0, from: sample, to: sample + 1)
            let found = try logits.slice(axis: 0, from: sample, to: sample + 1)
            let largest = wanted.elements.map(abs).max() ?? 0
            let error = try found.maximumDifference(from: wanted) / largest
            #expect(error < 1e-4, "image \(sample)")
            print("\(network.golden): image \(sample) within \(error) of the largest")
        }
    }

    /// timm's file is known under the plug-in's name too, which is said.
    @Test(arguments: [networks[2], networks[3]])
    func timmsKeysAreRecognised(_ network: Network) throws {
        let file = try WeightFile(network)
        let name = String(network.name.dropLast(4))
        let model = try ModelLoader.standard.load(file.path, as: name)
        #expect(model.notes.count == 1)
        let same = try ModelLoader.standard.load(file.path, as: network.name)
        let x = try Self.input()
        #expect(try model(x).elements == same(x).elements)
    }

    @Test(arguments: networks) func costsArePublishedOnes(_ network: Network) throws {
        let model = try ModelLoader.standard.makeModel(network.name)
        #expect(try model.outputShape(for: [2, 224, 224, 3]) == [2, 1000])
        let cost = try model.cost(for: [1, 224, 224, 3])
        #expect(model.parameterCount == network.parameters)
        #expect((cost.parameters, cost.buffers) == (model.parameterCount, model.bufferCount))
        let share = Double(cost.multiplyAdds) / network.published
        #expect(abs(share - 1) < 0.03, "\(cost.multiplyAdds)")
    }

    @Test(arguments: networks) func configurationsAreChecked(_ network: Network) throws {
        let loader = ModelLoader.standard
        let seven = try ModelConfiguration(json: #"{"num_classes": 7}"#, source: "test")
        let model = try loader.makeModel(network.name, configuration: seven)
        #expect(try model.outputShape(for: [1, 64, 96, 3]) == [1, 7])
        let option = network.isDynamic ? "conv_head" : "reduction"
        for json in [
            #"{"num_classes": 0}"#, #"{"num_class": 7}"#, #"{"bn_eps": 0}"#,
            "{\"\(option)\": 8}", #"{"reduction": 17}"#, #"{"conv_head": 1}"#,
        ] {
            let wrong = try ModelConfiguration(json: json, source: "test")
            #expect(throws: ProteanError.self) {
                try loader.makeModel(network.name, configuration: wrong)
            }
        }
    }

    @Test func weightsOfTheOtherSizeAreRecognised() throws {
        let file = try WeightFile(Self.networks[1])
        let error = #expect(throws: ProteanError.self) {
            try ModelLoader.standard.load(file.path, as: "mobilenetv3_large")
        }
        #expect(error?.description.contains("mobilenetv3_small") == true)
    }
}
