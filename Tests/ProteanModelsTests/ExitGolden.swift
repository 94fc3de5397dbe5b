import Foundation
import ProteanModels
import Testing

@testable import Protean

/// The results of the authors' code for networks with several exits
/// (Tests/Golden/generate/exits.py).
struct ExitGolden: CustomTestStringConvertible, Sendable {
    /// The name of the golden values.
    let name: String
    /// The architecture and its options, such as `{"blocks": 7}`.
    let architecture: String
    var options = "{}"
    /// Whether there are logits; else costs only.
    var hasLogits = true

    var testDescription: String { name }

    static func path(_ file: String) -> String { TestFiles.golden("models/\(file)") }

    func network() throws -> ExitNetwork {
        let model = try ModelLoader.standard.makeModel(
            architecture, configuration: ModelConfiguration(json: options, source: "test"))
        return try #require(model.module as? ExitNetwork)
    }

    /// What the reference says of a network.
    struct Row: Decodable {
        let parameters: Int
        let entries: Int
        let keys: String
        let operations: [Int]
        let multiply_adds: [Int]
    }

    private static let rows = Result {
        try JSONDecoder().decode(
            [String: AnyRow].self, from: Data(contentsOf: URL(filePath: path("exits.json"))))
    }

    /// A row without the options, whose types differ.
    private struct AnyRow: Decodable, Sendable {
        let parameters: Int
        let entries: Int
        let keys: String
        let operations: [Int]
        let multiply_adds: [Int]
    }

    func row() throws -> Row {
        let found = try #require(try Self.rows.get()[name])
        return Row(
            parameters: found.parameters, entries: found.entries, keys: found.keys,
            operations: found.operations, multiply_adds: found.multiply_adds)
    }

    /// The logits of one exit of the formula's images.
    func logits(_ exit: Int) throws -> Tensor {
        try Self.logitsFile.get().tensor("\(name).\(exit)")
    }

    private static let logitsFile = Result { try Checkpoint.open(path("exits.safetensors")) }

    /// 64-bit FNV-1a of a text.
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// The formula's values of a tensor.
    static func values(_ key: String, _ shape: [Int]) throws -> Tensor {
        try Initializer.uniform(shape, in: range(key, shape), seed: hash(key))
    }

    private static func range(_ key: String, _ shape: [Int]) -> ClosedRange<Float> {
        if key == "x" { return -1...1 }
        if key.hasSuffix("alpha") { return 0.2...0.8 }
        if key.hasSuffix("running_var") { return 0.8...1.6 }
        if shape.count < 2 { return key.hasSuffix(".weight") ? 0.6...1.4 : -0.25...0.25 }
        let edge = (6 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
        return -edge...edge
    }

    /// The network with the formula's weights.
    func loaded() throws -> ExitNetwork {
        let network = try network()
        for (path, parameter) in network.allParameters().map({ ($0.name, $0.parameter) }) {
            try parameter.set(try Self.values(path, parameter.shape))
        }
        return network
    }
}
