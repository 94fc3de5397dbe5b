/// A recurrent cell that ponders: it is applied to each input as often as the row needs, by a halting
/// score. Graves, "Adaptive Computation Time for Recurrent Neural Networks", arXiv 1603.08983.
///
/// The input is preceded by a flag, 1 at the first application and 0 after. After each application
/// `p = sigmoid(w · h + b)`; the row goes on while Σ p < 1 - ε and fewer than `limit` applications were
/// made. The last one counts with the remainder R = 1 - Σ of the p before, so that weights sum to 1;
/// h and the rest of the state are the weighted means. Each application continues from the state of
/// the one before. The ponder cost of an input is N + R.
///
/// Only rows that go on are computed. The state is the cell's and, last, the ponder cost of the latest
/// input and its sum over all inputs, `[batch, 2]`. Parameters: `cell` and `halting` (`[1, hidden]`, bias
/// 1). Cost: N times the cell and the halting unit.
public final class ACTCell: RecurrentCell {
    /// How the number of applications counts in the ponder cost.
    public enum PonderCount: Sendable {
        /// All applications, as in the paper.
        case all
        /// Those after which the row went on, one less, as in the TensorFlow code of Fojo.
        case beforeLast
    }

    /// Features of the input, without the flag.
    public let inputSize: Int
    /// The cell's sizes, then 2 for the ponder cost.
    public let stateSizes: [Int]
    /// `cell` and `halting`.
    public let submodules: [NamedModule]
    /// Where the cell stands in a model.
    public let label: Label? = Label()

    private let cell: any RecurrentCell
    private let halting: Linear
    private let epsilon: Float
    private let limit: Int
    private let count: PonderCount

    /// A pondering cell.
    ///
    /// - Parameters:
    ///   - cell: its input has one feature more than the pondering cell's: the flag, which comes first.
    ///   - epsilon: in 0 ..< 1.
    ///   - limit: the most applications per input.
    ///   - count: how applications count in the ponder cost.
    ///   - seed: of the halting unit's initial weights.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        cell: any RecurrentCell, epsilon: Float = 0.01, limit: Int = 100,
        count: PonderCount = .all, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "ACTCell"
        guard cell.inputSize >= 2 else {
            throw .invalidOption(
                layer: layer, option: "cell",
                expected: "an input of the flag and at least 1 feature",
                found: "\(cell.inputSize) features")
        }
        guard epsilon >= 0, epsilon < 1 else {
            throw .invalidOption(
                layer: layer, option: "epsilon", expected: "0 ..< 1", found: "\(epsilon)")
        }
        try checkOption(limit, "limit", in: 1...OptionLimits.length, layer: layer)
        self.cell = cell
        self.epsilon = epsilon
        self.limit = limit
        self.count = count
        halting = try Linear(inputFeatures: cell.outputSize, outputFeatures: 1, seed: seed)
        try halting.bias?.set(Tensor([1], shape: [1]))
        inputSize = cell.inputSize - 1
        stateSizes = cell.stateSizes + [2]
        submodules = [NamedModule("cell", cell), NamedModule("halting", halting)]
    }

    /// `limit` applications.
    public var multiplyAddsPerStep: Int {
        let (product, overflow) = limit.multipliedReportingOverflow(
            by: cell.multiplyAddsPerStep + cell.outputSize)
        return overflow ? .max : product
    }

    /// The weighted means, and the ponder cost.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        try checkStep(x, state)
        let batch = x.shape[0]
        var pondering = RowPlan(all: batch)
        var current = Array(state.dropLast())
        var means = try cell.zeroState(batch: batch)
        var sums = [Float](repeating: 0, count: batch)
        var ponder = [Float](repeating: 0, count: batch)
        for application in 1...limit where !pondering.isEmpty {
            let weights = try apply(
                application, x, pondering, &current, sums: &sums, ponder: &ponder,
                executed: &executed)
            for index in means.indices {
                try Operations.addRows(
                    current[index], pondering, weights: weights.map(\.weight), to: &means[index])
            }
            let kept = RowPlan(where: weights.map(\.goesOn))
            for index in current.indices {
                current[index] = try Operations.gatherRows(current[index], kept)
            }
            pondering = try pondering.narrowed(to: kept)
        }
        let before = state[state.count - 1].elements
        var costs: [Float] = []
        for row in 0..<batch { costs += [ponder[row], before[2 * row + 1] + ponder[row]] }
        return means + [try Tensor(costs, shape: [batch, 2])]
    }

    /// One application for the rows that ponder; `current` becomes their state. Returns how much it
    /// counts for each, and which go on.
    private func apply(
        _ application: Int, _ x: Tensor, _ rows: RowPlan, _ current: inout [Tensor],
        sums: inout [Float], ponder: inout [Float], executed: inout [Int]
    ) throws(ProteanError) -> [(weight: Float, goesOn: Bool)] {
        let flag = try Tensor(repeating: application == 1 ? 1 : 0, shape: [rows.count, 1])
        let joined = try Operations.concatenate(
            [flag, Operations.gatherRows(x, rows)], axis: 1)
        var counts = [Int](repeating: 0, count: rows.count)
        current = try cell.step(joined, current, executed: &counts)
        let scores = try halting(current[0], activation: .sigmoid).elements
        var result: [(weight: Float, goesOn: Bool)] = []
        for (index, row) in rows.rows.enumerated() {
            executed[row] += counts[index] + halting.inputFeatures
            let p = scores[index]
            let goesOn = sums[row] + p < 1 - epsilon && application < limit
            if goesOn {
                result.append((p, true))
                sums[row] += p
                continue
            }
            let rest = p.isNaN ? p : 1 - sums[row]
            result.append((rest, false))
            ponder[row] = Float(count == .all ? application : application - 1) + rest
        }
        return result
    }
}
