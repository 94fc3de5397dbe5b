import Protean

/// The plan of a kernel for a case, and the reasons for it.
package struct Explanation: Sendable {
    /// The chosen algorithm.
    package var chosen: String
    /// Estimated cycles of every algorithm that applies; empty if there was no choice.
    package var estimates: [(algorithm: String, cycles: Double)]
    /// Further facts of the plan.
    package var facts: [String]
}

extension Explanation {
    /// The explanation of a convolution's plan.
    init(_ plan: Conv2dPlan) {
        chosen = plan.algorithm.rawValue
        estimates = Conv2dPlan.Algorithm.allCases.compactMap { algorithm in
            plan.estimatedCycles[algorithm].map { (algorithm.rawValue, $0) }
        }
        facts = [
            "threads \(plan.threads)", "packed \(Format.bytes(Double(plan.packedBytes)))",
            "scratch \(Format.bytes(Double(plan.scratchBytes)))",
        ]
    }

    /// One line: the choice, each estimate as a multiple of the smallest, the facts.
    package var text: String {
        let least = estimates.map(\.cycles).min() ?? 1
        let ratios = estimates.map { "\($0.algorithm) \(Format.digits($0.cycles / least))" }
        let estimated = ratios.isEmpty ? "only one applies" : ratios.joined(separator: ", ")
        return "\(chosen)  [estimated: \(estimated)]  \(facts.joined(separator: ", "))"
    }
}
