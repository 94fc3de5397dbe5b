import Foundation

/// A score of how sure a network is of a row, computed from the row's logits in Float32.
///
/// A pure function: the same logits give the same score in any batch. NaN scores never let a row
/// leave. See ``ExitPolicy`` for what is compared with thresholds.
public enum Criterion: Sendable, Hashable {
    /// The largest softmax probability. Leaves at ≥ (MSDNet, SDN).
    case maximumProbability
    /// −Σ p ln p over the softmax, in nats; terms with p = 0 are 0. Leaves at < (BranchyNet,
    /// DeeBERT).
    case entropy
    /// The entropy divided by ln of the number of classes, in 0...1. Leaves at <.
    case normalizedEntropy
    /// The largest probability less the second largest. Leaves at ≥.
    case margin
    /// How many exits in a row gave the same class as the one before. Leaves at ≥ (PABEE, Zhou et
    /// al., arXiv 2006.04152).
    case patience
    /// For regression: how many exits in a row differ from the one before by less than `tolerance`.
    /// Leaves at ≥ (PABEE).
    case agreement(tolerance: Float)
    /// σ of the last logit, which is the output of an accept head and no class. Leaves at ≥.
    case accept

    /// What a row carries from one exit to the next.
    public struct RowState: Sendable, Hashable {
        /// The class of the exit before, or nil before the first.
        public var lastClass: Int?
        /// The value of the exit before, or nil before the first.
        public var lastValue: Float?
        /// Number of exits in a row that agreed with the one before.
        public var agreed = 0

        /// The state before the first exit.
        public init() {}
    }

    /// Whether smaller scores are surer.
    public var isSurerBelow: Bool { self == .entropy || self == .normalizedEntropy }

    /// Whether a score passes a threshold, by the convention of the criterion's reference; never
    /// for NaN.
    public func passes(_ score: Float, _ threshold: Float) -> Bool {
        isSurerBelow ? score < threshold : score >= threshold
    }

    /// The score of one row.
    ///
    /// - Parameters:
    ///   - logits: the row's logits.
    ///   - state: what the row carries; ``patience`` and ``agreement(tolerance:)`` update it.
    /// - Returns: the score; NaN without logits or where one is not a number.
    public func score(_ logits: ArraySlice<Float>, state: inout RowState) -> Float {
        guard !logits.isEmpty, !logits.contains(where: \.isNaN) else { return .nan }
        switch self {
        case .maximumProbability: return Self.probabilities(logits).max() ?? .nan
        case .entropy: return Self.entropy(logits)
        case .normalizedEntropy:
            return logits.count > 1 ? Self.entropy(logits) / log(Float(logits.count)) : 0
        case .margin: return Self.margin(logits)
        case .patience: return Self.patience(logits, &state)
        case .agreement(let tolerance): return Self.agreement(logits, tolerance, &state)
        case .accept: return 1 / (1 + exp(-(logits.last ?? .nan)))
        }
    }

    /// The class of a row: the index of the largest logit, the lower one of equal ones.
    public static func predictedClass(_ logits: ArraySlice<Float>) -> Int {
        var best = 0
        for (index, value) in logits.enumerated()
        where value > logits[logits.startIndex + best] { best = index }
        return best
    }

    /// The softmax of one row.
    public static func probabilities(_ logits: ArraySlice<Float>) -> [Float] {
        let largest = logits.max() ?? 0
        // Equal infinite logits share the probability; their difference would not be a number.
        let powers = logits.map { $0 == largest ? 1 : exp($0 - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    private static func entropy(_ logits: ArraySlice<Float>) -> Float {
        -probabilities(logits).reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
    }

    private static func margin(_ logits: ArraySlice<Float>) -> Float {
        var first: Float = 0, second: Float = 0
        for p in probabilities(logits) {
            if p > first {
                (first, second) = (p, first)
            } else {
                second = max(second, p)
            }
        }
        return first - second
    }

    private static func patience(_ logits: ArraySlice<Float>, _ state: inout RowState) -> Float {
        let found = predictedClass(logits)
        state.agreed = found == state.lastClass ? state.agreed + 1 : 0
        state.lastClass = found
        return Float(state.agreed)
    }

    private static func agreement(
        _ logits: ArraySlice<Float>, _ tolerance: Float, _ state: inout RowState
    ) -> Float {
        let value = logits[logits.startIndex]
        let isClose = state.lastValue.map { abs($0 - value) < tolerance } ?? false
        state.agreed = isClose ? state.agreed + 1 : 0
        state.lastValue = value
        return Float(state.agreed)
    }
}
