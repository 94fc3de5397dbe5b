import Foundation

/// How a ``MixtureOfExperts`` chooses experts for a token from the logits of its gate.
///
/// Equal logits go to the expert of lower index. A token with a logit that is not a number is
/// refused.
public enum ExpertGating: Sendable, Hashable {
    /// The k experts of the largest logits (Shazeer et al., arXiv 1701.06538).
    case topK(Int, softmax: SoftmaxOrder = .afterSelection)
    /// The expert of the largest probability p, weighted by p (Switch, arXiv 2101.03961).
    case topOne(capacity: ExpertCapacity? = nil)
    /// The experts of the two largest probabilities p and q, weighted by p / (p + q + 10⁻⁹) and
    /// q / (p + q + 10⁻⁹) (GShard, arXiv 2006.16668, as in Mesh TensorFlow). Places of the capacity
    /// go to all first experts before any second one.
    case topTwo(second: SecondPlace = .always, capacity: ExpertCapacity? = nil)

    /// Where the softmax of ``topK(_:softmax:)`` runs.
    public enum SoftmaxOrder: Sendable, Hashable {
        /// Over the k chosen logits: the paper's form.
        case afterSelection
        /// Over all logits; the k largest probabilities are divided by (their sum + 10⁻⁶): the form
        /// of the PyTorch port.
        case beforeSelection
    }

    /// Which tokens of ``topTwo(second:capacity:)`` use their second expert; w is its weight.
    public enum SecondPlace: Sendable, Hashable {
        /// All.
        case always
        /// None. The first expert's weight stays p / (p + q + 10⁻⁹).
        case never
        /// Those with w above a threshold.
        case above(Float)
        /// Drawn with probability min(1, w / threshold), as in training; the draw depends on the
        /// seed and on the token's number in the outermost batch.
        case drawn(threshold: Float, seed: UInt64)
    }

    /// A token's experts in order of preference, each with its weight.
    typealias Preference = [Choice.Pick]

    /// The experts of every token.
    ///
    /// - Parameters:
    ///   - logits: `[tokens, experts]`.
    ///   - layer: the caller's name, for errors.
    /// - Returns: the choice; ``Choice/scores`` has each token's largest logit.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a logit that is
    ///   not a number, and for a k that is not 1...experts.
    public func choose(
        _ logits: Tensor, layer: String = "ExpertGating"
    ) throws(ProteanError) -> Choice {
        guard logits.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "logits", expected: "[tokens, experts]", found: logits.shape)
        }
        let experts = logits.shape[1]
        try check(experts: experts, layer: layer)
        let rows = try Self.rows(logits, layer)
        var preferences: [Preference] = []
        preferences.reserveCapacity(rows.count)
        let origin = RowScope.origin(batch: rows.count)
        if isOverAll {
            let shares = try Self.rows(Operations.softmax(logits), layer)
            for (token, share) in shares.enumerated() {
                preferences.append(preference(rows[token], share, row: origin.rows[token]))
            }
        } else {
            preferences = rows.map { Self.softmaxOfLargest($0, most) }
        }
        return try Choice(
            actions: experts, picks: limited(preferences, experts: experts),
            scores: rows.map { $0.max() ?? 0 })
    }

    /// Throws unless the options fit `experts` experts.
    func check(experts: Int, layer: String) throws(ProteanError) {
        let limit = OptionLimits.experts
        try checkOption(experts, "experts", in: min(most, limit)...limit, layer: layer)
        if case .topK(let count, _) = self {
            try checkOption(count, "k", in: 1...max(experts, 1), layer: layer)
        }
        if case .topTwo(let second, _) = self {
            switch second {
            case .above(let threshold), .drawn(let threshold, _):
                guard threshold >= 0, threshold <= 1 else {
                    throw .invalidOption(
                        layer: layer, option: "threshold", expected: "0...1",
                        found: "\(threshold)")
                }
            default: break
            }
        }
    }

    /// The most experts that a token uses.
    var most: Int {
        switch self {
        case .topK(let count, _): max(count, 1)
        case .topOne: 1
        case .topTwo: 2
        }
    }

    /// The capacity; nil if tokens are never dropped.
    public var capacity: ExpertCapacity? {
        switch self {
        case .topK: nil
        case .topOne(let capacity), .topTwo(_, let capacity): capacity
        }
    }

    private var isOverAll: Bool {
        if case .topK(_, .afterSelection) = self { false } else { true }
    }

    /// The values of each row; throws for one that is not a number.
    private static func rows(
        _ x: Tensor, _ layer: String
    ) throws(ProteanError) -> [[Float]] {
        let values = x.elements, width = x.shape[1]
        guard values.count == x.count else { throw .noValues(layer: layer) }
        if let wrong = values.firstIndex(where: \.isNaN) {
            throw .invalidOption(
                layer: layer, option: "gate's logits of token \(wrong / width)",
                expected: "numbers", found: "NaN for expert \(wrong % width)")
        }
        return (0..<x.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }

    /// The indices of the `count` largest values, the lower index first among equal ones.
    private static func largest(_ values: [Float], _ count: Int) -> [Int] {
        var found: [Int] = []
        for _ in 0..<count {
            var best: Int?
            for (index, value) in values.enumerated() where !found.contains(index) {
                if let known = best, values[known] >= value { continue }
                best = index
            }
            if let best { found.append(best) }
        }
        return found
    }

    private static func softmaxOfLargest(_ logits: [Float], _ count: Int) -> Preference {
        let chosen = largest(logits, count)
        guard let top = chosen.first.map({ logits[$0] }) else { return [] }
        // With an infinite maximum all finite logits get 0 and infinite ones share.
        let powers = chosen.map { logits[$0] == top ? 1 : exp(logits[$0] - top) }
        let sum = powers.reduce(0, +)
        return zip(chosen, powers).map { Choice.Pick(action: $0, weight: $1 / sum) }
    }

    /// The experts of a token from its logits and their softmax over all experts. Ranks are taken
    /// from the logits, whose order rounding has not blurred.
    private func preference(_ logits: [Float], _ shares: [Float], row: Int) -> Preference {
        let chosen = Self.largest(logits, most)
        let sum = chosen.reduce(0) { $0 + shares[$1] }
        switch self {
        case .topK:
            return chosen.map { Choice.Pick(action: $0, weight: shares[$0] / (sum + 1e-6)) }
        case .topOne:
            return chosen.map { Choice.Pick(action: $0, weight: shares[$0]) }
        case .topTwo(let second, _):
            let picks = chosen.map {
                Choice.Pick(action: $0, weight: shares[$0] / (sum + 1e-9))
            }
            return second.keeps(picks[1].weight, row: row) ? picks : [picks[0]]
        }
    }

    /// The picks that find a place.
    private func limited(_ preferences: [Preference], experts: Int) -> [Preference] {
        guard let capacity else { return preferences }
        let kept = capacity.kept(preferences.map { $0.map(\.action) }, experts: experts)
        return zip(preferences, kept).map { zip($0, $1).filter(\.1).map(\.0) }
    }
}

extension ExpertGating.SecondPlace {
    /// Whether a token whose second expert has this weight uses it.
    fileprivate func keeps(_ weight: Float, row: Int) -> Bool {
        switch self {
        case .always: true
        case .never: false
        case .above(let threshold): weight > threshold
        case .drawn(let threshold, let seed):
            CounterRandom.uniform(seed: seed, site: 0, row: row) < weight / max(threshold, 1e-9)
        }
    }
}
