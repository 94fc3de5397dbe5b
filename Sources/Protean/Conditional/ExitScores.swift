/// What every exit of a network said about every sample of a set, and the samples' labels.
///
/// Everything that is asked of a set of thresholds (how many samples leave where, at which cost,
/// and how many of them are right) follows from it, so that a network runs once per sample however
/// many thresholds are tried.
public struct ExitScores: Sendable, Equatable {
    /// A score per exit and sample: `scores[exit][sample]`.
    public private(set) var scores: [[Float]]
    /// The class per exit and sample: `classes[exit][sample]`.
    public private(set) var classes: [[Int]]
    /// The true class per sample.
    public private(set) var labels: [Int]
    /// What the scores are, and which of them mean that an exit is sure.
    public let criterion: Criterion

    /// Scores, classes and labels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` without exits, and for
    ///   lists of different lengths.
    public init(
        scores: [[Float]], classes: [[Int]], labels: [Int],
        criterion: Criterion = .maximumProbability
    ) throws(ProteanError) {
        func refuse(_ option: String, _ expected: String, _ found: Int) -> ProteanError {
            .invalidOption(
                layer: "ExitScores", option: option, expected: expected, found: "\(found)")
        }
        guard !scores.isEmpty else { throw refuse("scores", "at least one exit", 0) }
        guard classes.count == scores.count else {
            throw refuse("classes", "\(scores.count) exits, as scores have", classes.count)
        }
        for exit in scores.indices {
            for (name, count) in [("scores", scores[exit].count), ("classes", classes[exit].count)]
            where count != labels.count {
                throw refuse("\(name)[\(exit)]", "\(labels.count) samples, as labels", count)
            }
        }
        self.scores = scores
        self.classes = classes
        self.labels = labels
        self.criterion = criterion
    }

    /// No samples yet, for ``append(logits:labels:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` without exits.
    public init(
        exits: Int, criterion: Criterion = .maximumProbability
    ) throws(ProteanError) {
        try self.init(
            scores: Array(repeating: [], count: max(0, exits)),
            classes: Array(repeating: [], count: max(0, exits)), labels: [], criterion: criterion)
    }

    /// Adds samples.
    ///
    /// - Parameters:
    ///   - logits: of every exit, `[batch, classes]`; see ``ExitNetwork/all(_:)``.
    ///   - labels: the true class of each row.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for logits of other
    ///   shapes, and ``ProteanError/invalidOption(layer:option:expected:found:)`` for another number
    ///   of exits.
    public mutating func append(logits: [Tensor], labels: [Int]) throws(ProteanError) {
        guard logits.count == exits else {
            throw .invalidOption(
                layer: "ExitScores", option: "logits", expected: "\(exits), one per exit",
                found: "\(logits.count)")
        }
        for tensor in logits where tensor.rank != 2 || tensor.shape[0] != labels.count {
            throw .shapeMismatch(
                layer: "ExitScores", tensor: "logits", expected: "[\(labels.count), classes]",
                found: tensor.shape)
        }
        let values = logits.map(\.elements)
        for row in labels.indices {
            var state = Criterion.RowState()
            for exit in logits.indices {
                let width = logits[exit].shape[1]
                let own = values[exit][row * width..<(row + 1) * width]
                scores[exit].append(criterion.score(own, state: &state))
                classes[exit].append(Criterion.predictedClass(own))
            }
        }
        self.labels += labels
    }

    /// The number of exits.
    public var exits: Int { scores.count }
    /// The number of samples.
    public var samples: Int { labels.count }

    /// The threshold that no finite score passes: 1e8 as in MSDNet's script, -1e8 where smaller
    /// scores are surer.
    public var nobody: Float { criterion.isSurerBelow ? -1e8 : 1e8 }

    /// The threshold that every finite score passes: -``nobody``.
    public var everybody: Float { -nobody }

    /// The share of samples that each exit classifies correctly, if all samples left there; NaN
    /// without samples.
    public var accuracies: [Double] {
        classes.map { row in
            Double(zip(row, labels).count { $0 == $1 }) / Double(labels.count)
        }
    }

    /// The share of samples to which each exit gives the class that the last one gives; NaN without
    /// samples.
    public var agreementWithLast: [Double] {
        classes.map { row in
            Double(zip(row, classes[exits - 1]).count { $0 == $1 }) / Double(labels.count)
        }
    }

    /// The exit at which each sample leaves: the first whose score passes its threshold, else the
    /// last.
    ///
    /// - Parameter thresholds: one per exit. The last one's is not looked at: nothing runs on
    ///   behind the last exit.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for another number of
    ///   thresholds than exits.
    public func exitTaken(with thresholds: [Float]) throws(ProteanError) -> [Int] {
        guard thresholds.count == exits else {
            throw .invalidOption(
                layer: "ExitScores", option: "thresholds", expected: "\(exits), one per exit",
                found: "\(thresholds.count)")
        }
        return (0..<samples).map { sample in
            (0..<exits - 1).first { criterion.passes(scores[$0][sample], thresholds[$0]) } ?? exits
                - 1
        }
    }

    /// What becomes of the samples under thresholds.
    ///
    /// - Parameters:
    ///   - thresholds: one per exit; see ``exitTaken(with:)``.
    ///   - costs: multiply-adds from the input to each exit's logits, the heads passed included.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for another number of
    ///   thresholds or costs than exits.
    public func outcome(
        thresholds: [Float], costs: [Int]
    ) throws(ProteanError) -> ExitOutcome {
        guard costs.count == exits else {
            throw .invalidOption(
                layer: "ExitScores", option: "costs", expected: "\(exits), one per exit",
                found: "\(costs.count)")
        }
        let taken = try exitTaken(with: thresholds)
        var counts = [Int](repeating: 0, count: exits), right = counts
        for (sample, exit) in taken.enumerated() {
            counts[exit] += 1
            if classes[exit][sample] == labels[sample] { right[exit] += 1 }
        }
        return ExitOutcome(counts: counts, right: right, costs: costs)
    }
}
