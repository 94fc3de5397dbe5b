/// The halting rule of adaptive computation time, for every row of a batch.
///
/// After step n a row has the halting probability hₙ; the last step's is 1. A row halts at the first
/// N with Σ_{n ≤ N} hₙ ≥ limit. Step n counts with the weight hₙ before N, and with the remainder
/// R = 1 − Σ_{n < N} hₙ in step N; the ponder cost is N + R. Graves, "Adaptive Computation Time for
/// Recurrent Neural Networks", arXiv 1603.08983. Arithmetic in single precision; a probability of NaN
/// never halts a row before the last step.
public struct RowHalting: Sendable, Hashable {
    /// The sum at which a row halts: 1 − ε, so that it can halt after one step.
    public let limit: Float
    /// The rows that have not halted.
    public private(set) var running: RowPlan
    /// The sum of each row's probabilities so far.
    public private(set) var cumulative: [Float]
    /// 1 minus the sum of a row's probabilities before the step in which it halts.
    public private(set) var remainder: [Float]
    /// Steps that each row has run.
    public private(set) var steps: [Int]
    /// Steps plus, once a row has halted, its remainder: what training penalises.
    public private(set) var ponder: [Float]

    /// All rows of a batch run.
    public init(batch: Int, limit: Float) {
        self.limit = limit
        running = RowPlan(all: batch)
        cumulative = [Float](repeating: 0, count: running.batch)
        remainder = [Float](repeating: 1, count: running.batch)
        steps = [Int](repeating: 0, count: running.batch)
        ponder = [Float](repeating: 0, count: running.batch)
    }

    /// One step of the running rows.
    ///
    /// - Parameter probabilities: one per running row, in order; nil in the last step, where all halt.
    /// - Returns: the step's weight for each of these rows.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when their number is not
    ///   that of the running rows.
    public mutating func step(_ probabilities: [Float]?) throws(ProteanError) -> [Float] {
        if let probabilities, probabilities.count != running.count {
            throw .invalidOption(
                layer: "RowHalting", option: "probabilities", expected: "\(running.count)",
                found: "\(probabilities.count)")
        }
        var weights: [Float] = [], left: [Int] = []
        for (index, row) in running.rows.enumerated() {
            let probability = probabilities?[index] ?? 1
            steps[row] += 1
            cumulative[row] += probability
            if probabilities == nil || cumulative[row] >= limit {
                weights.append(remainder[row])
                ponder[row] = Float(steps[row]) + remainder[row]
            } else {
                weights.append(probability)
                remainder[row] -= probability
                ponder[row] = Float(steps[row])
                left.append(row)
            }
        }
        running = RowPlan(trusted: left, batch: running.batch)
        return weights
    }
}
