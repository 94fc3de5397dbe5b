import Foundation
import ProteanModels
import Testing

@testable import Protean

/// Networks with dynamic layers against PyTorch: the names and shapes of all parameters, and logits
/// of two images on weights that follow from a formula (Tests/Golden/generate/dynamic_models.py).
@Suite(.serialized) struct DynamicModelTests {
    /// A network of the golden values.
    struct Network: CustomTestStringConvertible, Sendable {
        /// The architecture.
        let name: String
        /// The golden values, where they do not bear the architecture's name.
        var golden: String?
        /// The list of keys; that of another network where both are equal.
        var list: String?
        var input = [2, 75, 59, 3]
        let parameters: Int
        /// Multiply-adds that the paper or the reference's repository states for 224 × 224 pixels.
        let published: Double

        /// Options that say what the file's shapes say.
        var options = "{}"

        var testDescription: String { golden ?? name }

        func model() throws -> Model {
            try ModelLoader.standard.makeModel(
                name, configuration: ModelConfiguration(json: options, source: "test"))
        }

        /// Names and shapes.
        func keys() throws -> [(name: String, shape: [Int])] {
            let file = TestFiles.golden("models/dynamic_\(list ?? golden ?? name).keys.txt")
            return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map {
                let space = try #require($0.firstIndex(of: " "))
                return (
                    String($0[..<space]),
                    $0[space...].split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
                )
            }
        }
    }

    static let networks = [
        Network(name: "efficientnet_cc_b0_4e", parameters: 13_314_116, published: 402e6),
        Network(name: "efficientnet_cc_b0_8e", parameters: 24_013_284, published: 413e6),
        Network(
            name: "tf_efficientnet_cc_b0_4e", list: "efficientnet_cc_b0_4e",
            parameters: 13_314_116, published: 402e6),
        Network(
            name: "tf_efficientnet_cc_b0_8e", list: "efficientnet_cc_b0_8e",
            parameters: 24_013_284, published: 413e6),
        Network(name: "dy_resnet18", parameters: 45_475_008, published: 1.85e9),
        Network(name: "odconv_resnet18", parameters: 11_943_944, published: 1.838e9),
        Network(
            name: "odconv_resnet18", golden: "odconv_resnet18_4x", parameters: 44_901_640,
            published: 1.916e9, options: #"{"kernel_num": 4}"#),
        Network(
            name: "rednet26", input: [2, 96, 64, 3], parameters: 9_233_166, published: 1.73e9),
        Network(name: "se_resnet50", parameters: 28_088_024, published: 4.11e9),
        Network(
            name: "se_resnet50", golden: "se_resnet50_linear", parameters: 28_071_976,
            published: 4.11e9, options: #"{"variant": "linear"}"#),
        Network(name: "cbam_resnet50", parameters: 28_089_624, published: 4.11e9),
        Network(
            name: "cbam_resnet50", golden: "cbam_resnet50_timm", parameters: 28_073_576,
            published: 4.11e9, options: #"{"variant": "timm"}"#),
        Network(name: "eca_resnet50", parameters: 25_557_080, published: 4.11e9),
        Network(
            name: "eca_resnet50", golden: "eca_resnet50_sizes", parameters: 25_557_118,
            published: 4.11e9, options: #"{"variant": "timm", "k_size": [5, 5, 5, 7]}"#),
        Network(name: "skresnet50", parameters: 25_803_160, published: 4.11e9),
        Network(name: "resnest50", parameters: 27_483_240, published: 5.40e9),
    ]

    /// A tensor's values, as `bound` and `uniform` of the generators.
    static func values(_ key: String, _ shape: [Int]) throws -> Tensor {
        let seed = key.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
        }
        return try Initializer.uniform(shape, in: range(key, shape), seed: seed)
    }

    private static func range(_ key: String, _ shape: [Int]) -> ClosedRange<Float> {
        if key.hasSuffix("running_var") { return 0.4...1.2 }
        if key.hasSuffix("bn3.weight"), key.hasPrefix("backbone") || key.hasPrefix("layer") {
            return 0.05...0.15
        }
        if shape.count < 2 { return key.hasSuffix(".weight") ? 0.5...1.5 : -0.25...0.25 }
        let inputs: Float =
            shape.count == 5
            ? Float(shape[2...].reduce(1, *))
            : key.contains(".conv_") && shape.count == 2
                ? Float(shape[1]).squareRoot() * Float(shape[0]) / 4
                : Float(shape.dropFirst().reduce(1, *))
        var edge = (6 / inputs).squareRoot()
        if key.contains(".conv2.conv.") { edge /= 8 }
        return -edge...edge
    }

    /// A file with the formula's weights under `prefix`, removed with its owner.
    private final class WeightFile {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-dynamic-\(UUID().uuidString).safetensors").path

        init(_ network: Network) throws {
            try Checkpoint.writeSafetensors(
                to: path,
                tensors: network.keys().map { ($0.name, try values($0.name, $0.shape)) })
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test(arguments: networks) func keysAreTheReferences(_ network: Network) throws {
        let model = try network.model()
        let found = model.allParameters().map { "\($0.name) \($0.parameter.shape)" }
        // Buffers lie among the parameters of their norms; the order is that of the modules.
        #expect(Set(found) == Set(try network.keys().map { "\($0.name) \($0.shape)" }))
        #expect(found.count == (try network.keys().count))
    }

    @Test(arguments: networks) func logitsAgreeWithPyTorch(_ network: Network) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/dynamic_models.safetensors"))
        let expected = try golden.tensor(network.golden ?? network.name)
        let file = try WeightFile(network)
        let model = try ModelLoader.standard.load(file.path, as: network.name)
        // Said where an option follows from the file.
        #expect(model.notes.isEmpty == (network.golden == nil), "\(model.notes)")
        let x = try Self.values("x", network.input, in: -1...1)
        let logits = try model(x)
        // Every image has its own scale.
        for sample in 0..<network.input[0] {
            let wanted = try expected.slice(axis: 0, from: sample, to: sample + 1)
            let found = try logits.slice(axis: 0, from: sample, to: sample + 1)
            let largest = wanted.elements.map(abs).max() ?? 0
            let error = try found.maximumDifference(from: wanted) / largest
            #expect(error < 1e-4, "image \(sample)")
            print("\(network.name): image \(sample) within \(error) of the largest")
        }
    }

    private static func values(
        _ key: String, _ shape: [Int], in range: ClosedRange<Float>
    ) throws -> Tensor {
        let count = shape.reduce(1, *)
        return try Tensor(
            ResNetTests.uniform(key, range.lowerBound, range.upperBound, count: count),
            shape: shape)
    }

    @Test(arguments: networks) func costsArePublishedOnes(_ network: Network) throws {
        let model = try network.model()
        #expect(try model.outputShape(for: [2, 224, 224, 3]) == [2, 1000])
        let cost = try model.cost(for: [1, 224, 224, 3])
        #expect(model.parameterCount == network.parameters)
        #expect((cost.parameters, cost.buffers) == (model.parameterCount, model.bufferCount))
        let share = Double(cost.multiplyAdds) / network.published
        #expect(abs(share - 1) < 0.03, "\(cost.multiplyAdds)")
    }

    @Test(arguments: networks) func configurationSetsTheClasses(_ network: Network) throws {
        let loader = ModelLoader.standard
        let seven = try ModelConfiguration(json: #"{"num_classes": 7}"#, source: "test")
        let model = try loader.makeModel(network.name, configuration: seven)
        #expect(try model.outputShape(for: [1, 64, 96, 3]) == [1, 7])
        for json in [#"{"num_classes": 0}"#, #"{"num_class": 7}"#] {
            let wrong = try ModelConfiguration(json: json, source: "test")
            #expect(throws: ProteanError.self) {
                try loader.makeModel(network.name, configuration: wrong)
            }
        }
    }

    @Test func paddingAndEpsAreOptions() throws {
        let loader = ModelLoader.standard, name = "efficientnet_cc_b0_4e"
        let file = try WeightFile(Self.networks[0])
        let options = try ModelConfiguration(
            json: #"{"pad_type": "same", "bn_eps": 0.001}"#, source: "test")
        let x = try Self.values("x", [1, 75, 59, 3], in: -1...1)
        let plain = try loader.load(file.path, as: name)(x)
        let found = try loader.load(file.path, as: name, configuration: options)(x)
        #expect(found.elements == (try loader.load(file.path, as: "tf_" + name)(x).elements))
        #expect(found.elements != plain.elements)
        for json in [#"{"pad_type": "valid"}"#, #"{"bn_eps": 0}"#] {
            let wrong = try ModelConfiguration(json: json, source: "test")
            #expect(throws: ProteanError.self) { try loader.makeModel(name, configuration: wrong) }
        }
    }
}
