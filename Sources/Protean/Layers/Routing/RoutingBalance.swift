import Foundation

/// How evenly experts, branches or paths are used: the quantities behind balance losses, as
/// numbers.
///
/// All sums run in double precision.
public enum RoutingBalance {
    /// The sum of the weights that each action got: Σ over rows of G(x) (arXiv 1701.06538).
    public static func importance(_ choice: Choice) -> [Double] {
        choice.plans().map { $0.weights.reduce(0) { $0 + Double($1) } }
    }

    /// The number of rows that chose each action.
    public static func load(_ choice: Choice) -> [Int] { choice.plans().map(\.plan.count) }

    /// The squared coefficient of variation, variance / (mean² + 10⁻¹⁰); 0 for fewer than two
    /// values.
    ///
    /// - Parameters:
    ///   - values: such as ``importance(_:)`` or ``load(_:)``.
    ///   - unbiased: divide the squared deviations by n − 1, as the PyTorch port of arXiv
    ///     1701.06538 does; else by n, as its TensorFlow original.
    public static func squaredVariation(_ values: [Double], unbiased: Bool = true) -> Double {
        guard values.count > 1 else { return 0 }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return squares / Double(values.count - (unbiased ? 1 : 0)) / (mean * mean + 1e-10)
    }

    /// The expected load of each expert under fresh noise: Σ over tokens of the probability that
    /// the expert is among the k first (arXiv 1701.06538, appendix A).
    ///
    /// For an expert that is among them, it stays there while its noisy value exceeds the (k +
    /// 1)-th largest; for another, it enters when its value exceeds the k-th: Φ((clean − threshold)
    /// / deviation).
    /// - Parameters:
    ///   - clean: logits without noise, `[tokens, experts]`.
    ///   - noisy: the values that were ranked, shaped like `clean`.
    ///   - deviation: of the noise, shaped like `clean`.
    ///   - k: number of experts per token, below the number of experts.
    /// - Throws: ``ProteanError`` when shapes differ, values are missing, or `k` does not fit.
    public static func expectedLoad(
        clean: Tensor, noisy: Tensor, deviation: Tensor, k: Int
    ) throws(ProteanError) -> [Double] {
        let layer = "RoutingBalance"
        guard clean.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "clean", expected: "[tokens, experts]", found: clean.shape)
        }
        for (name, tensor) in [("noisy", noisy), ("deviation", deviation)]
        where tensor.shape != clean.shape {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(clean.shape)", found: tensor.shape)
        }
        let experts = clean.shape[1]
        try checkOption(k, "k", in: 1...max(experts - 1, 1), layer: layer)
        let (c, n, d) = (clean.elements, noisy.elements, deviation.elements)
        guard c.count == clean.count, n.count == c.count, d.count == c.count else {
            throw .noValues(layer: layer)
        }
        var load = [Double](repeating: 0, count: experts)
        for start in stride(from: 0, to: c.count, by: max(experts, 1)) {
            let ranked = n[start..<start + experts].sorted(by: >)
            guard ranked.count > k else { continue }
            for expert in 0..<experts {
                let at = start + expert
                let threshold = n[at] > ranked[k] ? ranked[k] : ranked[k - 1]
                load[expert] += normalShare((Double(c[at]) - Double(threshold)) / Double(d[at]))
            }
        }
        return load
    }

    /// The auxiliary value of Switch (arXiv 2101.03961), experts · Σ f · P: f is the share of
    /// tokens whose first expert is e, P the mean probability of e. 1 for even use; 0 without
    /// tokens.
    ///
    /// - Parameters:
    ///   - probabilities: the softmax over all experts, `[tokens, experts]`.
    ///   - first: the first expert of each token, before tokens are dropped.
    /// - Throws: ``ProteanError`` when sizes differ, values are missing, or an expert is out of
    ///   range.
    public static func switchAuxiliary(
        probabilities: Tensor, first: [Int]
    ) throws(ProteanError) -> Double {
        let layer = "RoutingBalance"
        guard probabilities.rank == 2, probabilities.shape[0] == first.count else {
            throw .shapeMismatch(
                layer: layer, tensor: "probabilities", expected: "[\(first.count), experts]",
                found: probabilities.shape)
        }
        let values = probabilities.elements, experts = probabilities.shape[1]
        guard values.count == probabilities.count else { throw .noValues(layer: layer) }
        if let wrong = first.first(where: { !(0..<experts).contains($0) }) {
            throw .invalidOption(
                layer: layer, option: "first", expected: "0..<\(experts)", found: "\(wrong)")
        }
        guard !first.isEmpty else { return 0 }
        var counts = [Double](repeating: 0, count: experts), sums = counts
        for expert in first { counts[expert] += 1 }
        for (index, value) in values.enumerated() { sums[index % experts] += Double(value) }
        let tokens = Double(first.count)
        return zip(counts, sums).reduce(0) { $0 + $1.0 / tokens * ($1.1 / tokens) }
            * Double(experts)
    }

    /// The z value of a gate, the mean over tokens of (log Σ e^logit)² (arXiv 2202.08906); 0
    /// without tokens.
    ///
    /// - Throws: ``ProteanError`` when the logits are not `[tokens, experts]` or carry no values.
    public static func zValue(_ logits: Tensor) throws(ProteanError) -> Double {
        guard logits.rank == 2 else {
            throw .shapeMismatch(
                layer: "RoutingBalance", tensor: "logits", expected: "[tokens, experts]",
                found: logits.shape)
        }
        let sums = try Operations.logSumExp(logits, axes: [1]).elements
        guard sums.count == logits.shape[0] else { throw .noValues(layer: "RoutingBalance") }
        guard !sums.isEmpty else { return 0 }
        return sums.reduce(0) { $0 + Double($1) * Double($1) } / Double(sums.count)
    }

    /// Φ, the distribution function of the normal distribution.
    private static func normalShare(_ z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }
}
