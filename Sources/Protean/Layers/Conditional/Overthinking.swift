/// What later exits of a network add or spoil (Kaya, Hong, Dumitras, "Shallow-Deep Networks", ICML
/// 2019, arXiv 1810.07052).
public struct Overthinking: Sendable, Hashable {
    /// Share of rows that each exit classifies correctly.
    public let accuracies: [Double]
    /// Share of rows that some exit classifies correctly.
    public let cumulativeAccuracy: Double
    /// Share of rows that some earlier exit classifies correctly and the last one does not.
    public let destructive: Double
    /// Share of rows that an earlier exit classifies correctly and the last one does, too: later
    /// stages were not needed.
    public let wasteful: Double
    /// For each row Σ over exits of the L1 distance between its probabilities and the last exit's.
    public let confusion: [Float]

    /// Measures the exits of a network.
    ///
    /// - Parameters:
    ///   - exits: each exit's logits, `[rows, classes]`, as ``ExitNetwork/all(_:)`` gives them.
    ///   - labels: each row's class.
    /// - Throws: ``ProteanError`` when shapes differ or there are no exits.
    public init(exits: [Tensor], labels: [Int]) throws(ProteanError) {
        confusion = try Self.confusion(exits)
        let rows = labels.count
        guard confusion.count == rows else {
            throw .invalidOption(
                layer: "Overthinking", option: "labels", expected: "\(confusion.count)",
                found: "\(rows)")
        }
        let classes = exits[0].shape[1]
        let correct = exits.map { logits in
            let values = logits.elements
            return (0..<rows).map { row in
                Criterion.predictedClass(values[row * classes..<(row + 1) * classes])
                    == labels[row]
            }
        }
        let share = { (count: Int) in rows == 0 ? 0 : Double(count) / Double(rows) }
        accuracies = correct.map { share($0.count { $0 }) }
        let early = (0..<rows).map { row in correct.dropLast().contains { $0[row] } }
        let last = correct[correct.count - 1]
        cumulativeAccuracy = share(zip(early, last).count { $0 || $1 })
        destructive = share(zip(early, last).count { $0 && !$1 })
        wasteful = share(zip(early, last).count { $0 && $1 })
    }

    /// For each row Σ over exits of ‖p_exit − p_last‖₁, p the softmax of its logits. Large values
    /// mark rows whose last prediction is not to be trusted. The published program adds 10⁻⁶ to
    /// every difference; this does not.
    ///
    /// - Parameter exits: each exit's logits, `[rows, classes]`.
    /// - Throws: ``ProteanError`` when shapes differ, values are missing or there are no exits.
    public static func confusion(_ exits: [Tensor]) throws(ProteanError) -> [Float] {
        guard let last = exits.last, last.rank == 2 else {
            throw .invalidOption(
                layer: "Overthinking", option: "exits", expected: "logits [rows, classes]",
                found: exits.last.map { "\($0.shape)" } ?? "none")
        }
        let final = try Operations.softmax(last).elements, classes = last.shape[1]
        var sums = [Double](repeating: 0, count: last.shape[0])
        for (index, exit) in exits.enumerated() {
            guard exit.shape == last.shape else {
                throw .shapeMismatch(
                    layer: "Overthinking", tensor: "logits of exit \(index)",
                    expected: "\(last.shape)", found: exit.shape)
            }
            guard !exit.isShapeOnly else { throw .noValues(layer: "Overthinking") }
            for (at, p) in try Operations.softmax(exit).elements.enumerated() {
                sums[at / classes] += abs(Double(p) - Double(final[at]))
            }
        }
        return sums.map { Float($0) }
    }
}
