/// How much the exits of a network disagree about a row: a sign that the last exit is wrong.
///
/// `confusion = Σ_i ‖softmax(z_K) − softmax(z_i)‖₁` over exits i, with the logits z_K of the last one, less
/// the mean and over the deviation of rows that are known to be ordinary. Kaya, Hong, Dumitras,
/// "Shallow-Deep Networks: Understanding and Mitigating Network Overthinking", arXiv 1810.07052.
///
/// ```swift
/// let ordinary = ConfusionScore(fitting: try ConfusionScore.raw(try network.all(training)))
/// let suspicious = try ordinary.scores(try network.all(x)).map { $0 > 2 }
/// ```
public struct ConfusionScore: Sendable, Hashable {
    /// Subtracted from raw scores.
    public let mean: Float
    /// Divides the difference.
    public let deviation: Float

    /// Scores with a known mean and deviation.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless both are finite and
    ///   the deviation is above 0.
    public init(mean: Float, deviation: Float) throws(ProteanError) {
        guard mean.isFinite, deviation.isFinite, deviation > 0 else {
            throw .invalidOption(
                layer: "ConfusionScore", option: "deviation",
                expected: "a finite mean and a finite deviation above 0",
                found: "\(mean), \(deviation)")
        }
        (self.mean, self.deviation) = (mean, deviation)
    }

    /// Scores normalised by the mean and the deviation (over n) of the raw scores of ordinary rows.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there are no rows or
    ///   all have the same score.
    public init(fitting raw: [Float]) throws(ProteanError) {
        let count = Double(raw.count)
        let mean = raw.reduce(0.0) { $0 + Double($1) } / count
        let variance =
            raw.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        try self.init(mean: Float(mean), deviation: Float(variance.squareRoot()))
    }

    /// The scores of rows whose logits at every exit are given, `[rows, classes]` each.
    ///
    /// - Throws: as ``raw(_:)``.
    public func scores(_ logits: [Tensor]) throws(ProteanError) -> [Float] {
        try Self.raw(logits).map { ($0 - mean) / deviation }
    }

    /// The sums of differences, which are not normalised.
    ///
    /// - Parameter logits: of every exit, `[rows, classes]` each; see ``ExitNetwork/all(_:)``.
    /// - Throws: ``ProteanError`` when there is no exit or shapes differ.
    public static func raw(_ logits: [Tensor]) throws(ProteanError) -> [Float] {
        guard let last = logits.last, last.rank == 2, !last.isShapeOnly else {
            throw .invalidOption(
                layer: "ConfusionScore", option: "logits",
                expected: "values [rows, classes] of at least one exit",
                found: "\(logits.last?.shape ?? [])")
        }
        let final = try Operations.softmax(last).elements
        var sums = [Float](repeating: 0, count: last.shape[0])
        for (exit, other) in logits.enumerated().dropLast() {
            guard other.shape == last.shape else {
                throw .shapeMismatch(
                    layer: "ConfusionScore", tensor: "logits[\(exit)]",
                    expected: "\(last.shape)", found: other.shape)
            }
            let values = try Operations.softmax(other).elements, classes = last.shape[1]
            for row in sums.indices {
                for index in row * classes..<(row + 1) * classes {
                    sums[row] += abs(final[index] - values[index])
                }
            }
        }
        return sums
    }
}
