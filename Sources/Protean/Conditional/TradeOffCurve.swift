/// One set of thresholds, and what it gives on the samples it was fitted on and on others.
public struct TradeOffPoint: Sendable, Equatable {
    /// What the thresholds were made from: the ratio q of geometric shares, or a common threshold.
    public let parameter: Double
    /// One threshold per exit.
    public let thresholds: [Float]
    /// On the samples that the thresholds were fitted on.
    public let heldOut: ExitOutcome
    /// On other samples.
    public let test: ExitOutcome
    /// The accuracy on other samples that a curve shows: that of ``test``, or of an earlier point
    /// where the curve is flat.
    public var accuracy: Double
}

/// The accuracy that a network with exits gives for a mean cost per sample.
public struct TradeOffCurve: Sendable, Equatable {
    /// How thresholds are chosen.
    public enum Method: Sendable, Equatable {
        /// Geometric shares with q = p / 20, p = 1 … count. MSDNet, RANet and BoostNet take 39
        /// (q up to 1.95); IMTA takes 40.
        case geometric(count: Int = 39)
        /// One threshold for all exits, from each of these values.
        case grid([Float])
        /// Given shares of samples per exit, one list per point.
        case shares([[Double]])
    }

    /// The points, in the order of the method's parameter.
    public let points: [TradeOffPoint]
    /// Whether a point that is no better on the held-out samples than one before it shows that one's
    /// accuracy.
    public let isFlat: Bool

    /// A curve.
    ///
    /// - Parameters:
    ///   - solver: the held-out samples and costs.
    ///   - test: other samples of the same network.
    ///   - method: how thresholds are chosen.
    ///   - flat: BoostNet's rule `--flat_curve`: a point whose accuracy on the held-out samples is
    ///     not above that of all points before it shows the accuracy of the best of these. This is
    ///     why curves end in long flat tails: say so where it is used.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for samples of a
    ///   network with another number of exits, a count below 1, and shares that do not fit.
    public init(
        _ solver: ThresholdSolver, test: ExitScores, method: Method = .geometric(),
        flat: Bool = false
    ) throws(ProteanError) {
        var points: [TradeOffPoint] = []
        for (parameter, thresholds) in try Self.choices(solver, method) {
            let outcome = try test.outcome(thresholds: thresholds, costs: solver.costs)
            points.append(
                TradeOffPoint(
                    parameter: parameter, thresholds: thresholds,
                    heldOut: try solver.heldOut.outcome(
                        thresholds: thresholds, costs: solver.costs),
                    test: outcome, accuracy: outcome.accuracy))
        }
        self.points = flat ? Self.flattened(points) : points
        isFlat = flat
    }

    private static func choices(
        _ solver: ThresholdSolver, _ method: Method
    ) throws(ProteanError) -> [(Double, [Float])] {
        var result: [(Double, [Float])] = []
        switch method {
        case .geometric(let count):
            guard (1...100_000).contains(count) else {
                throw .invalidOption(
                    layer: "TradeOffCurve", option: "count", expected: "1...100000",
                    found: "\(count)")
            }
            for p in 1...count {
                result.append((Double(p) / 20, try solver.geometric(Double(p) / 20)))
            }
        case .grid(let values):
            result = values.map { (Double($0), solver.uniform($0)) }
        case .shares(let lists):
            for (index, shares) in lists.enumerated() {
                result.append((Double(index), try solver.thresholds(shares: shares)))
            }
        }
        return result
    }

    private static func flattened(_ points: [TradeOffPoint]) -> [TradeOffPoint] {
        var best = -Double.infinity, shown = Double.nan
        return points.map { point in
            var result = point
            if point.heldOut.accuracy > best {
                (best, shown) = (point.heldOut.accuracy, point.test.accuracy)
            }
            result.accuracy = shown
            return result
        }
    }
}

/// The accuracy of a network that is stopped at any time: a staircase over the cost.
public struct AnytimeStaircase: Sendable, Equatable {
    /// Multiply-adds from the input to each exit's logits.
    public let costs: [Int]
    /// The share of samples that each exit classifies correctly.
    public let accuracies: [Double]

    /// The steps at these costs.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for lists of different
    ///   lengths, and for costs that do not grow.
    public init(costs: [Int], accuracies: [Double]) throws(ProteanError) {
        guard costs.count == accuracies.count,
            zip(costs, costs.dropFirst()).allSatisfy({ $0 <= $1 })
        else {
            throw .invalidOption(
                layer: "AnytimeStaircase", option: "costs",
                expected: "\(accuracies.count) that grow, one per accuracy", found: "\(costs)")
        }
        self.costs = costs
        self.accuracies = accuracies
    }

    /// The deepest exit whose cost is at most a budget; nil where not even the first one fits.
    public func exit(within multiplyAdds: Int) -> Int? {
        costs.lastIndex { $0 <= multiplyAdds }
    }

    /// The accuracy of ``exit(within:)``; nil where not even the first one fits.
    public func accuracy(within multiplyAdds: Int) -> Double? {
        exit(within: multiplyAdds).map { accuracies[$0] }
    }
}
