import Foundation
import Testing

@testable import Protean
@testable import ProteanModels

/// Values of `Tests/Golden/generate/glimpse_networks.py`, and the weights they were computed with.
enum GlimpseGolden {
    static func values() throws -> Checkpoint {
        try Checkpoint.open(TestFiles.golden("models/glimpse_networks.safetensors"))
    }

    /// Replaces all numbers of a network by those of the formula.
    static func fill(_ model: any Module) throws {
        for (name, parameter) in model.allParameters().map({ ($0.name, $0.parameter) }) {
            let shape = parameter.shape, range = bound(name, shape)
            var value = try uniform(name, shape, in: range)
            if name.hasSuffix("fc_loc.2.bias") {
                value = try Operations.add(value, try Tensor([1, 0, 0, 0, 1, 0], shape: [6]))
            }
            try parameter.set(value)
        }
    }

    static func uniform(
        _ key: String, _ shape: [Int], in range: ClosedRange<Float> = -1...1
    ) throws -> Tensor {
        let seed = key.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
        }
        return try Initializer.uniform(shape, in: range, seed: seed)
    }

    private static func bound(_ key: String, _ shape: [Int]) -> ClosedRange<Float> {
        if key.hasSuffix("running_var") { return 0.5...1.5 }
        if shape.count < 2 { return key.hasSuffix(".weight") ? 0.5...1.5 : -0.25...0.25 }
        let edge = (3 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
        return -edge...edge
    }

    /// The largest difference, as a share of the largest expected number.
    static func error(_ found: Tensor, _ expected: Tensor) throws -> Float {
        let largest = expected.elements.map(abs).max() ?? 0
        return try found.maximumDifference(from: expected) / largest
    }

    /// Demands that every row of a batch has the bits it has alone, in the given order or reversed.
    static func expectRowsAlone(
        _ x: Tensor, sourceLocation: SourceLocation = #_sourceLocation,
        _ run: (Tensor) throws -> Tensor
    ) throws {
        let batch = x.shape[0], all = try run(x)
        let backwards = Array((0..<batch).reversed())
        let turned = try run(try Operations.indexSelect(x, axis: 0, indices: backwards))
        for row in 0..<batch {
            let alone = try run(try Operations.indexSelect(x, axis: 0, indices: [row]))
            let own = try Operations.indexSelect(all, axis: 0, indices: [row])
            let other = try Operations.indexSelect(turned, axis: 0, indices: [batch - 1 - row])
            #expect(same(alone, own), "row \(row) alone", sourceLocation: sourceLocation)
            #expect(same(other, own), "row \(row) turned", sourceLocation: sourceLocation)
        }
    }

    /// A threshold between the scores of the rows: `count` of them are above it.
    static func threshold(_ logits: Tensor, passing count: Int) throws -> Float {
        let shares = try Operations.softmax(logits)
        let scores = try Operations.maximum(shares, axes: [1]).elements.sorted(by: >)
        return (scores[count - 1] + scores[count]) / 2
    }

    static func same(_ a: Tensor, _ b: Tensor) -> Bool {
        a.shape == b.shape
            && zip(a.elements, b.elements).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
}
