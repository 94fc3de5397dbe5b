/// What became of a set of samples that left a network at its exits.
public struct ExitOutcome: Sendable, Equatable {
    /// How many samples left at each exit.
    public let counts: [Int]
    /// How many of these were classified correctly.
    public let right: [Int]
    /// Multiply-adds from the input to each exit's logits.
    public let costs: [Int]

    /// The number of samples.
    public var samples: Int { counts.reduce(0, +) }

    /// The share of samples that left at each exit; NaN without samples.
    public var shares: [Double] { counts.map { Double($0) / Double(samples) } }

    /// The share of all samples that were classified correctly; NaN without samples.
    public var accuracy: Double { Double(right.reduce(0, +)) / Double(samples) }

    /// The share of right answers among those who left at each exit; NaN where nobody left.
    public var accuracies: [Double] { zip(right, counts).map { Double($0) / Double($1) } }

    /// Multiply-adds per sample on average: Σ counts · costs / samples; NaN without samples.
    public var meanCost: Double {
        zip(counts, costs).reduce(0) { $0 + Double($1.0) * Double($1.1) } / Double(samples)
    }
}

/// How differently two sets of samples spread over a network's exits.
///
/// An exit network is more sure of the samples that it was trained on, so more of them leave early;
/// thresholds and costs that were found on them do not hold for others. The gap says how much.
public struct ExitShareGap: Sendable, Equatable {
    /// Share of the first set that leaves at each exit, minus that of the second.
    public let differences: [Double]

    /// The share of samples that would have to leave elsewhere for the two sets to agree: half the
    /// sum of the absolute differences (total variation distance).
    public var total: Double { differences.reduce(0) { $0 + abs($1) } / 2 }

    /// Mean multiply-adds of the first set minus those of the second.
    public let meanCost: Double

    /// The gap between training samples, or those that thresholds were fitted on, and others.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for outcomes of
    ///   networks with different numbers of exits.
    public init(
        from fitted: ExitOutcome, to other: ExitOutcome
    ) throws(ProteanError) {
        guard fitted.counts.count == other.counts.count else {
            throw .invalidOption(
                layer: "ExitShareGap", option: "exits",
                expected: "\(fitted.counts.count), as in the first outcome",
                found: "\(other.counts.count)")
        }
        differences = zip(fitted.shares, other.shares).map { $0 - $1 }
        meanCost = fitted.meanCost - other.meanCost
    }
}
