/// Multiply-adds of a network that skips blocks, for one row.
public struct SkipCosts: Sendable, Hashable {
    /// What decides on all blocks ahead; 0 without a policy network.
    public let policy: Int
    /// What every row runs: stem, shortcuts, blocks that are not decided, head.
    public let always: Int
    /// The convolutions of each block, in order; 0 for blocks that are not decided.
    public let blocks: [Int]
    /// The gate of each block, in order.
    public let gates: [Int]

    /// All blocks and all gates.
    public var full: Int { policy + always + blocks.reduce(0, +) + gates.reduce(0, +) }

    /// What rows executed under decisions on the blocks `block`; a gate counts where it decided.
    func executed(
        _ taken: [(block: Int, choice: Choice, gated: Bool)], rows: Int
    ) -> [Int] {
        let ahead = taken.contains { $0.gated } ? policy : 0
        var sums = [Int](repeating: ahead + always, count: rows)
        for (block, choice, gated) in taken {
            for row in 0..<rows where gated { sums[row] += gates[block] }
            for row in choice.rows(choosing: SkipBlock.run).rows { sums[row] += blocks[block] }
        }
        return sums
    }
}

/// The result of a network that skips blocks, with what was decided and executed.
public struct SkipResult: Sendable {
    /// The network's result, `[batch, classes]`.
    public let logits: Tensor
    /// The paths of the blocks that were decided, in order.
    public let sites: [String]
    /// Their decisions: actions ``SkipBlock/pass`` and ``SkipBlock/run``.
    public let choices: [Choice]
    /// Number of blocks that run for every row.
    public let fixedBlocks: Int
    /// Multiply-adds that each row executed, gates and policy included.
    public let executed: [Int]
    /// Multiply-adds of a row that runs every block, gates and policy included.
    public let full: Int

    /// The choices as `[decided block][row]`: true where the block ran.
    public var ran: [[Bool]] {
        choices.map { choice in
            choice.picks.map { $0.contains { $0.action == SkipBlock.run } }
        }
    }

    /// Number of blocks that each row ran, those that are not decided included.
    public var blocks: [Int] {
        let ran = ran
        return executed.indices.map { row in
            ran.reduce(fixedBlocks) { $0 + ($1[row] ? 1 : 0) }
        }
    }

    /// Blocks that ran as a percentage of all blocks, the mean over the rows: SkipNet's computation
    /// percentage, (Σ gates + 1) / (gates + 1). Every block counts the same and gates count nothing.
    /// 100 for an empty batch.
    public var computationPercentage: Double {
        let all = fixedBlocks + choices.count
        guard !executed.isEmpty, all > 0 else { return 100 }
        return 100 * Double(blocks.reduce(0, +)) / Double(all * executed.count)
    }

    /// Executed multiply-adds as a percentage of ``full``, the mean over the rows. 100 for an empty
    /// batch.
    public var multiplyAddPercentage: Double {
        guard !executed.isEmpty, full > 0 else { return 100 }
        return 100 * Double(executed.reduce(0, +)) / (Double(full) * Double(executed.count))
    }

    /// Number of different sets of blocks that rows ran; n decided blocks allow 2ⁿ.
    public var uniquePaths: Int {
        let ran = ran
        return Set(executed.indices.map { row in ran.map { $0[row] } }).count
    }
}
