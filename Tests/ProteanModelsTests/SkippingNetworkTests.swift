import Foundation
import ProteanModels
import Testing

@testable import Protean

/// SkipNet, BlockDrop and ConvNet-AIG against their authors' code: names and shapes of all
/// parameters, and logits, probabilities and decisions of a batch on weights that follow from a
/// formula (Tests/Golden/generate/depth_models.py).
@Suite(.serialized) struct SkippingNetworkTests {
    /// A network of the golden values.
    struct Network: CustomTestStringConvertible, Sendable {
        let name: String
        /// As PyTorch counts them: a shortcut that has two names counts once.
        let parameters: Int
        /// Names in a published file, the second ones of shortcuts included.
        let entries: Int

        var testDescription: String { name }
        var isLarge: Bool { !name.hasSuffix("_cifar") }
        var input: [Int] { isLarge ? [3, 224, 224, 3] : [7, 32, 32, 3] }

        /// Names and shapes of a published file.
        func keys() throws -> [(name: String, shape: [Int])] {
            let file = TestFiles.golden("models/depth_\(name).keys.txt")
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
        Network(name: "skipnet_ff38_cifar", parameters: 1_148_798, entries: 423),
        Network(name: "skipnet_ff74_cifar", parameters: 2_316_770, entries: 819),
        Network(name: "skipnet_ff110_cifar", parameters: 2_609_798, entries: 945),
        Network(name: "skipnet_rnn38_cifar", parameters: 571_913, entries: 249),
        Network(name: "skipnet_rnn74_cifar", parameters: 1_162_109, entries: 465),
        Network(name: "skipnet_rnn110_cifar", parameters: 1_752_305, entries: 681),
        Network(name: "skipnet_rnn101", parameters: 44_875_501, entries: 614),
        Network(name: "blockdrop_resnet32_cifar", parameters: 539_834, entries: 196),
        Network(name: "blockdrop_resnet110_cifar", parameters: 1_806_177, entries: 586),
        Network(name: "blockdrop_resnet101", parameters: 49_472_394, entries: 586),
        Network(name: "convnet_aig_resnet110_cifar", parameters: 1_766_630, entries: 989),
        Network(name: "convnet_aig_resnet50", parameters: 25_768_264, entries: 395),
    ]

    // MARK: The formulas of the generator

    /// The shortcut's name in its block for the second name of SkipNet's files.
    static func owner(_ key: String) -> String {
        guard let at = key.range(of: "_ds"), let dot = key.firstIndex(of: ".") else { return key }
        let (group, index) = (key[..<at.lowerBound], key[at.upperBound..<dot])
        return "\(group)_layer\(index).downsample\(key[dot...])"
    }

    static let spread: [(end: String, factor: Float)] = [
        ("linear_layer.weight", 3), ("control.proj.weight", 4), ("agent.logit.weight", 3),
        ("fc2.weight", 3),
    ]

    static func range(_ key: String, _ shape: [Int]) -> ClosedRange<Float> {
        if key.hasSuffix("running_var") { return 0.4...1.2 }
        let last = key.contains(".bn3.") ? "bn3.weight" : "bn2.weight"
        if key.hasSuffix(last), !key.contains("gate") { return 0.1...0.4 }
        if shape.count < 2 {
            if key.hasPrefix("control.rnn.") { return -0.5...0.5 }
            return key.hasSuffix(".weight") ? 0.5...1.5 : -0.25...0.25
        }
        var edge = (6 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
        if let found = spread.first(where: { key.hasSuffix($0.end) }) {
            edge *= found.factor
        } else if key.contains("gate"), key.hasSuffix(".1.weight") {
            edge *= 6
        }
        return -edge...edge
    }

    static func uniform(
        _ key: String, _ shape: [Int], in range: ClosedRange<Float>
    ) throws -> Tensor {
        let seed = key.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
        }
        return try Initializer.uniform(shape, in: range, seed: seed)
    }

    /// Images of different brightness, contrast and colour: noise on four by four squares.
    static func images(_ shape: [Int]) throws -> Tensor {
        let (batch, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
        let squares = try uniform("squares", [batch, 4, 4, channels], in: -1...1).elements
        var values = try uniform("x", shape, in: -1...1).elements
        for at in values.indices {
            let (c, pixel) = (at % channels, at / channels)
            let (x, y, row) = (pixel % width, pixel / width % height, pixel / width / height)
            let square = ((row * 4 + y / (height / 4)) * 4 + x / (width / 4)) * channels + c
            values[at] += squares[square] * (Float(row + 1) / 2)
        }
        return try Tensor(values, shape: shape)
    }

    /// A file with the formula's weights and the stored biases, removed with its owner.
    final class WeightFile {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-depth-\(UUID().uuidString).safetensors").path

        init(
            _ network: Network, prefix: String = "", changing changed: String? = nil
        ) throws {
            let golden = try Checkpoint.open(TestFiles.golden("models/depth_models.safetensors"))
            var biases: [[Float]] = []
            if golden.names.contains("\(network.name).biases") {
                let rows = try golden.tensor("\(network.name).biases")
                biases = try (0..<rows.shape[0]).map { try rows.sample($0).elements }
            }
            var next = biases.makeIterator()
            let ends = ["linear_layer.bias", "fc2.bias", "agent.logit.bias"]
            let tensors = try network.keys().map { key, shape in
                let own = SkippingNetworkTests.owner(key)
                if !biases.isEmpty, ends.contains(where: own.hasSuffix) {
                    let bias = next.next()
                    return (prefix + key, try Tensor(#require(bias), shape: shape))
                }
                let seed = key == changed ? "changed" : own
                return (
                    prefix + key,
                    try SkippingNetworkTests.uniform(
                        seed, shape, in: SkippingNetworkTests.range(own, shape))
                )
            }
            try Checkpoint.writeSafetensors(to: path, tensors: tensors)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    static func network(_ network: Network) throws -> any SkippingNetwork {
        let file = try WeightFile(network)
        let model = try ModelLoader.standard.load(file.path, as: network.name)
        return try #require(model.module as? any SkippingNetwork)
    }

    static func named(_ name: String) throws -> Network {
        try #require(networks.first { $0.name == name })
    }

    // MARK: Names, counts, values

    @Test(arguments: networks) func keysAreTheReferences(_ network: Network) throws {
        let model = try ModelLoader.standard.makeModel(network.name)
        let found = model.allParameters().map { "\($0.name) \($0.parameter.shape)" }
        let keys = try network.keys()
        let once = keys.filter { Self.owner($0.name) == $0.name }
        #expect(Set(found) == Set(once.map { "\($0.name) \($0.shape)" }))
        #expect(found.count == once.count && keys.count == network.entries)
        #expect(model.parameterCount == network.parameters)
    }

    /// Counts that were published add up a file's entries, so that shortcuts count twice.
    @Test(arguments: [("skipnet_ff38_cifar", 1_151_550), ("skipnet_rnn38_cifar", 574_665)])
    func publishedCountsAreThoseOfAllEntries(_ name: String, _ published: Int) throws {
        let keys = try Self.named(name).keys().filter { !$0.name.contains("running") }
        #expect(keys.reduce(0) { $0 + $1.shape.reduce(1, *) } == published)
    }

    @Test(arguments: networks) func resultsAreTheAuthors(_ network: Network) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/depth_models.safetensors"))
        let model = try Self.network(network)
        let found = try model.skipping(Self.images(network.input))
        let decisions = try golden.tensor("\(network.name).decisions")
        let probabilities = try golden.tensor("\(network.name).probabilities").elements
        let wanted = try golden.tensor("\(network.name).logits")
        let gates = decisions.shape[1]
        #expect(found.choices.count == gates)
        for (row, gate) in (0..<network.input[0]).flatMap({ r in (0..<gates).map { (r, $0) } }) {
            let runs = decisions.elements[row * gates + gate] == 1
            #expect(found.ran[gate][row] == runs, "image \(row) gate \(gate)")
            let chosen = found.choices[gate].scores[row]
            let p = probabilities[row * gates + gate]
            // The score is the chosen action's probability; a policy's is that of running.
            let expected = network.name.hasPrefix("blockdrop") || runs ? p : 1 - p
            #expect(abs(chosen - expected) < 2e-4, "image \(row) gate \(gate)")
        }
        for row in 0..<network.input[0] {
            let one = try wanted.sample(row)
            let largest = one.elements.map(abs).max() ?? 0
            let error = try found.logits.sample(row).maximumDifference(from: one) / largest
            #expect(error < 1e-4, "image \(row)")
        }
    }

    // MARK: Files

    @Test func aSecondCopyMustAgree() throws {
        let network = try Self.named("skipnet_rnn38_cifar")
        for prefix in ["", "module."] {
            let good = try WeightFile(network, prefix: prefix)
            #expect(throws: Never.self) {
                try ModelLoader.standard.load(good.path, as: network.name)
            }
            for key in ["group3_ds0.1.running_mean", "group2_layer0.downsample.0.weight"] {
                let bad = try WeightFile(network, prefix: prefix, changing: key)
                #expect {
                    try ModelLoader.standard.load(bad.path, as: network.name)
                } throws: { error in
                    "\(error)".contains(prefix + SkippingNetworkTests.owner(key))
                        && "\(error)".contains("_ds0.")
                }
            }
        }
    }

    @Test func filesAreKnownByTheirKeys() throws {
        let file = try WeightFile(try Self.named("blockdrop_resnet32_cifar"))
        #expect {
            try ModelLoader.standard.load(file.path, as: "convnet_aig_resnet110_cifar")
        } throws: { "\($0)".contains("blockdrop_resnet32_cifar") }
        #expect(throws: ProteanError.self) {
            try ModelLoader.standard.makeModel(
                "skipnet_ff38_cifar", configuration: ModelConfiguration(["depth": .number(3)]))
        }
        let model = try ModelLoader.standard.makeModel(
            "skipnet_ff38_cifar", configuration: ModelConfiguration(["num_classes": .number(100)]))
        #expect(model.classCount == 100)
    }
}
