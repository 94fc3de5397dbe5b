/// What a network with exits gave for a batch whose rows left at different exits.
public struct ExitResult: Sendable {
    /// Each row's logits, of the exit at which it left, `[batch, classes]`.
    public let logits: Tensor
    /// The exit at which each row left, from 0.
    public let exits: [Int]
    /// The score by which each row left: that of the policy's first criterion.
    public let scores: [Float]
    /// Multiply-adds executed for each row, heads included; a row is not charged for others.
    public let executed: [Int]
    /// Multiply-adds that were computed for rows which had left already, all together: where
    /// narrowing the batch would have cost more than it saves.
    public let wasted: Int

    /// Share of rows that left at each of `count` exits.
    public func shares(of count: Int) -> [Double] {
        (0..<count).map { exit in
            exits.isEmpty ? 0 : Double(exits.count { $0 == exit }) / Double(exits.count)
        }
    }
}
