#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Thresholds of a network's exits from samples that were held out of its training.
///
/// Budgeted-batch classification of MSDNet (Huang et al., ICLR 2018, arXiv 1703.09844): a budget is
/// spent on many samples, little on easy ones. The solver decides which share of the samples leaves
/// at each exit, and from their scores which threshold gives that share.
///
/// ```swift
/// let solver = try ThresholdSolver(heldOut, costs: table.costs)
/// let thresholds = try solver.budget(multiplyAdds: 2_000_000)
/// let result = try test.outcome(thresholds: thresholds, costs: table.costs)
/// ```
/// Thresholds that were fitted on the samples they are judged by are too good to be true: use
/// others, and report both, see ``ExitShareGap``.
public struct ThresholdSolver: Sendable {
    /// The held-out samples.
    public let heldOut: ExitScores
    /// Multiply-adds from the input to each exit's logits, the heads passed included.
    public let costs: [Int]
    /// Per exit, the samples from the surest to the least sure; those with NaN are not among them.
    private let orders: [[Int]]

    /// A solver for these samples.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` without samples, for
    ///   another number of costs than exits, and for costs that do not grow from exit to exit.
    public init(_ heldOut: ExitScores, costs: [Int]) throws(ProteanError) {
        guard heldOut.samples > 0 else {
            throw .invalidOption(
                layer: "ThresholdSolver", option: "samples", expected: "at least one", found: "0")
        }
        guard costs.count == heldOut.exits, costs.allSatisfy({ $0 >= 0 }),
            zip(costs, costs.dropFirst()).allSatisfy({ $0 <= $1 })
        else {
            throw .invalidOption(
                layer: "ThresholdSolver", option: "costs",
                expected: "\(heldOut.exits) that grow from exit to exit", found: "\(costs)")
        }
        self.heldOut = heldOut
        self.costs = costs
        let larger = !heldOut.criterion.isSurerBelow
        orders = heldOut.scores.map { row in
            row.indices.filter { !row[$0].isNaN }.sorted {
                row[$0] == row[$1] ? $0 < $1 : (row[$0] > row[$1]) == larger
            }
        }
    }

    /// The share of samples per exit that a ratio gives: qᵏ / Σⱼ qʲ, k = 1 … exits, in Float32 as in
    /// MSDNet's script. A q below 1 sends most samples to early exits, above 1 to late ones.
    public static func geometricShares(_ q: Double, exits: Int) -> [Float] {
        let logarithm = logf(Float(q))
        let powers = (0..<exits).map { expf(logarithm * Float($0 + 1)) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    /// Thresholds for geometric shares; exactly those of MSDNet's script. See ``thresholds(shares:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a ratio that is
    ///   not above 0.
    public func geometric(_ q: Double) throws(ProteanError) -> [Float] {
        guard q > 0, q.isFinite else {
            throw .invalidOption(
                layer: "ThresholdSolver", option: "q", expected: "a number above 0", found: "\(q)")
        }
        return walk(Self.geometricShares(q, exits: heldOut.exits))
    }

    /// Thresholds for given shares.
    ///
    /// Exit by exit, the samples that have not left are walked from the surest on; the score of the
    /// one that completes ⌊samples · share⌋ is the threshold, and everyone who passes it has left.
    /// As in the reference: an exit that nobody shall take, or whose share is more than there are
    /// samples left, keeps the threshold that nobody passes; samples with equal scores leave
    /// together, so that more may leave than were asked for; the last exit takes everyone.
    ///
    /// - Parameter shares: one number of 0 to 1 per exit.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for another number of
    ///   shares than exits, and for shares outside 0...1.
    public func thresholds(shares: [Double]) throws(ProteanError) -> [Float] {
        guard shares.count == heldOut.exits, shares.allSatisfy({ (0...1).contains($0) }) else {
            throw .invalidOption(
                layer: "ThresholdSolver", option: "shares",
                expected: "\(heldOut.exits) numbers of 0 to 1, one per exit", found: "\(shares)")
        }
        return walk(shares.map { Float($0) })
    }

    private func walk(_ shares: [Float]) -> [Float] {
        var thresholds = [Float](repeating: heldOut.nobody, count: heldOut.exits)
        thresholds[heldOut.exits - 1] = heldOut.everybody
        var left = [Bool](repeating: false, count: heldOut.samples)
        for exit in 0..<heldOut.exits - 1 {
            let wanted = Int((Float(heldOut.samples) * shares[exit]).rounded(.down))
            let staying = orders[exit].lazy.filter { !left[$0] }
            guard wanted > 0, let last = staying.dropFirst(wanted - 1).first else { continue }
            let row = heldOut.scores[exit]
            // Below the threshold means that it is the next number above the last one's score.
            thresholds[exit] = heldOut.criterion.isSurerBelow ? row[last].nextUp : row[last]
            for sample in orders[exit] where heldOut.criterion.passes(row[sample], thresholds[exit])
            {
                left[sample] = true
            }
        }
        return thresholds
    }

    /// The same threshold at every exit but the last.
    public func uniform(_ threshold: Float) -> [Float] {
        [Float](repeating: threshold, count: heldOut.exits - 1) + [heldOut.everybody]
    }

    /// Thresholds whose mean cost of a held-out sample is at most a budget, and as near to it as
    /// geometric shares come.
    ///
    /// The cost grows with the ratio q: 60 halvings of q's logarithm find the largest that fits. All
    /// samples leaving at the first exit is the cheapest choice there is, nobody leaving before the
    /// last one the dearest.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a budget below the
    ///   first exit's cost.
    public func budget(multiplyAdds: Int) throws(ProteanError) -> [Float] {
        guard multiplyAdds >= costs[0] else {
            throw .invalidOption(
                layer: "ThresholdSolver", option: "budget",
                expected: "at least \(costs[0]) multiply-adds, the first exit's cost",
                found: "\(multiplyAdds)")
        }
        func cost(_ thresholds: [Float]) throws(ProteanError) -> Double {
            try heldOut.outcome(thresholds: thresholds, costs: costs).meanCost
        }
        let latest = uniform(heldOut.nobody)
        if try cost(latest) <= Double(multiplyAdds) { return latest }
        var best = uniform(heldOut.everybody)
        var low = -20.0, high = 20.0
        for _ in 0..<60 {
            let middle = (low + high) / 2
            let candidate = try geometric(exp2(middle))
            if try cost(candidate) <= Double(multiplyAdds) {
                (best, low) = (candidate, middle)
            } else {
                high = middle
            }
        }
        return best
    }
}
