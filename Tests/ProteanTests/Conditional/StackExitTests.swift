import Foundation
import Testing

@testable import Protean

/// x + attention(norm(x)), then x + linear(relu(linear(norm(x)))) on `[rows, tokens, channels]`.
private final class EncoderLayer: Layer {
    let attention: MultiheadAttention
    let norms: [LayerNorm]
    let first, second: Linear

    init(_ channels: Int, seed: UInt64) throws {
        attention = try MultiheadAttention(embeddingChannels: channels, heads: 2, seed: seed)
        norms = [try LayerNorm(channels: channels), try LayerNorm(channels: channels)]
        first = try Linear(inputFeatures: channels, outputFeatures: 3 * channels, seed: seed + 1)
        second = try Linear(inputFeatures: 3 * channels, outputFeatures: channels, seed: seed + 2)
    }

    var submodules: [NamedModule] {
        [
            NamedModule("attention", attention), NamedModule("norm1", norms[0]),
            NamedModule("norm2", norms[1]), NamedModule("linear1", first),
            NamedModule("linear2", second),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let attended = try attention(try norms[0](x))
        let y = try Operations.add(x, attended)
        let hidden = try first(try norms[1](y), activation: .relu)
        return try Operations.add(y, try second(hidden))
    }
}

/// A linear layer on the first token.
private final class TokenHead: Layer {
    let linear: Linear
    init(_ channels: Int, classes: Int, seed: UInt64) throws {
        linear = try Linear(inputFeatures: channels, outputFeatures: classes, seed: seed)
    }
    var submodules: [NamedModule] { [NamedModule("linear", linear)] }
    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let token = try x.slice(axis: 1, from: 0, to: 1)
        return try linear(try token.reshaped(to: [x.shape[0], x.shape[2]]))
    }
}

/// Exits after every layer of a stack, by entropy (DeeBERT, Xin et al., arXiv 2004.12993) and by
/// patience (PABEE, Zhou et al., arXiv 2006.04152).
@Suite("Exits of a stack of encoder layers") struct StackExitTests {
    private static let depth = 6

    private static func network(classes: Int = 2) throws -> ExitNetwork {
        var stages: [any Stage] = [], heads: [any ExitHead] = []
        for layer in 0..<depth {
            stages.append(LayerStage(try EncoderLayer(8, seed: UInt64(10 * layer + 1))))
            heads.append(
                LayerHead(try TokenHead(8, classes: classes, seed: UInt64(100 + layer))))
        }
        return try ExitNetwork(stages: stages, heads: heads)
    }

    private static func input(_ rows: Int) throws -> Tensor {
        try Tensor.random([rows, 5, 8], seed: 9) * 2
    }

    /// Compares a run with the rule applied to all exits' logits, row by row.
    private func check(
        _ network: ExitNetwork, _ policy: ExitPolicy, rows: Int, severalExits: Bool = true,
        rule: ([[Float]]) -> Int
    ) throws {
        let x = try Self.input(rows), all = try network.all(x)
        let result = try network.dynamic(x, policy: policy)
        for row in 0..<rows {
            let own = try all.map { try $0.sample(row).elements }
            #expect(result.exits[row] == rule(own), "row \(row)")
            let logits = try result.logits.sample(row)
            #expect(logits.isBitEqual(to: try all[result.exits[row]].sample(row)))
            let alone = try network.dynamic(try x.sample(row), policy: policy)
            #expect(alone.exits == [result.exits[row]] && alone.logits.isBitEqual(to: logits))
        }
        if severalExits { #expect(Set(result.exits).count > 1) }
    }

    private func entropy(_ logits: [Float]) -> Double {
        let powers = logits.map { exp(Double($0)) }, sum = powers.reduce(0, +)
        return -powers.reduce(0) { $0 + $1 / sum * log($1 / sum) }
    }

    @Test(arguments: [0.55, 0.62, 0.67]) func entropyBelowAThreshold(_ threshold: Float) throws {
        let network = try Self.network()
        let policy = ExitPolicy.threshold(
            .entropy, [Float](repeating: threshold, count: Self.depth))
        try check(network, policy, rows: 32, severalExits: threshold == 0.62) { logits in
            logits.firstIndex { entropy($0) < Double(threshold) } ?? Self.depth - 1
        }
    }

    @Test(arguments: [1, 2, 3]) func patience(_ patience: Int) throws {
        let network = try Self.network(classes: 5)
        let policy = ExitPolicy.threshold(
            .patience, [Float](repeating: Float(patience), count: Self.depth))
        try check(network, policy, rows: 32, severalExits: patience < 3) { logits in
            var counter = 0, last = -1
            for (layer, own) in logits.enumerated() {
                let found = own.indices.max { own[$0] < own[$1] } ?? 0
                counter = found == last ? counter + 1 : 0
                last = found
                if counter == patience { return layer }
            }
            return Self.depth - 1
        }
    }

    @Test func regressionByAgreement() throws {
        let network = try Self.network(classes: 1)
        let policy = ExitPolicy.threshold(
            .agreement(tolerance: 0.3), [Float](repeating: 2, count: Self.depth))
        try check(network, policy, rows: 32) { logits in
            var counter = 0, last: Float?
            for (layer, own) in logits.enumerated() {
                counter = last.map { abs(own[0] - $0) < 0.3 } == true ? counter + 1 : 0
                last = own[0]
                if counter == 2 { return layer }
            }
            return Self.depth - 1
        }
    }

    @Test(arguments: [0, 1, 7, 32]) func untilEqualsAll(_ rows: Int) throws {
        let network = try Self.network(), x = try Self.input(rows), all = try network.all(x)
        for exit in all.indices {
            #expect(try network.until(exit, x).isBitEqual(to: all[exit]))
        }
    }

    @Test func executedEqualsTheTable() throws {
        let network = try Self.network(), x = try Self.input(7)
        let policy = ExitPolicy.threshold(
            .entropy, [Float](repeating: 0.62, count: Self.depth))
        let counted = try Trace.measuring { () throws(ProteanError) in
            try network.dynamic(x, policy: policy)
        }
        let table = try network.costs(for: x.shape)
        let result = counted.result
        #expect(result.executed == result.exits.map { table.exits[$0].multiplyAdds })
        #expect(counted.cost.executedMultiplyAdds == result.executed.reduce(0, +))
    }
}
