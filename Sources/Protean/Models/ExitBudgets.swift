/// Thresholds of a network's exits for some budgets, and where they came from: a small JSON file that
/// belongs to one model with one set of weights.
///
/// ```swift
/// let budgets = try ExitBudgets.read("budgets.json", for: model)
/// let policy = budgets.policy(try budgets.entry(within: 2_000_000))
/// let result = try model.exits.dynamic(x, policy: policy)
/// ```
public struct ExitBudgets: Sendable, Equatable {
    /// Thresholds for one budget.
    public struct Entry: Sendable, Equatable {
        /// One threshold per exit; the last one's is not looked at.
        public let thresholds: [Float]
        /// Mean multiply-adds of the samples that the thresholds were fitted on.
        public let meanCost: Double
        /// The share of these samples that was classified correctly.
        public let accuracy: Double
        /// The share of these samples that left at each exit.
        public let shares: [Double]

        /// Thresholds, and what they gave on the samples they were fitted on.
        public init(thresholds: [Float], outcome: ExitOutcome) {
            self.init(
                thresholds: thresholds, meanCost: outcome.meanCost, accuracy: outcome.accuracy,
                shares: outcome.shares)
        }

        init(thresholds: [Float], meanCost: Double, accuracy: Double, shares: [Double]) {
            self.thresholds = thresholds
            self.meanCost = meanCost
            self.accuracy = accuracy
            self.shares = shares
        }
    }

    /// The model's name.
    public let model: String
    /// The model's ``Module/fingerprint``.
    public let fingerprint: String
    /// What thresholds are compared with.
    public let criterion: Criterion
    /// The samples that the thresholds were fitted on, in words, such as
    /// `train images 55000 to 59999`.
    public let split: String
    /// The seed by which these samples were drawn; nil where they follow from ``split``.
    public let seed: Int?
    /// How many samples these were.
    public let samples: Int
    /// Multiply-adds from the input to each exit's logits.
    public let costs: [Int]
    /// At least one, from the cheapest to the dearest.
    public let entries: [Entry]

    /// A table of budgets.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` without entries, and for
    ///   an entry with another number of thresholds or shares than costs.
    public init(
        model: String, fingerprint: String, criterion: Criterion, split: String, seed: Int? = nil,
        samples: Int, costs: [Int], entries: [Entry]
    ) throws(ProteanError) {
        func refuse(_ option: String, _ expected: String, _ found: String) -> ProteanError {
            .invalidOption(layer: "ExitBudgets", option: option, expected: expected, found: found)
        }
        guard !entries.isEmpty else { throw refuse("budgets", "at least one", "none") }
        for (index, entry) in entries.enumerated() {
            for (name, count) in [
                ("thresholds", entry.thresholds.count), ("shares", entry.shares.count),
            ] where count != costs.count {
                throw refuse(
                    "budgets[\(index)].\(name)", "\(costs.count), one per exit", "\(count)")
            }
            guard !entry.thresholds.contains(where: \.isNaN) else {
                throw refuse("budgets[\(index)].thresholds", "numbers", "NaN")
            }
        }
        self.model = model
        self.fingerprint = fingerprint
        self.criterion = criterion
        self.split = split
        self.seed = seed
        self.samples = samples
        self.costs = costs
        self.entries = entries.sorted { $0.meanCost < $1.meanCost }
    }

    /// The dearest entry whose mean cost on the fitted samples is within a budget.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when all cost more.
    public func entry(within multiplyAdds: Int) throws(ProteanError) -> Entry {
        guard let found = entries.last(where: { $0.meanCost <= Double(multiplyAdds) }) else {
            throw .invalidOption(
                layer: "ExitBudgets", option: "budget",
                expected: "at least \(Int(entries[0].meanCost.rounded(.up))) multiply-adds, the "
                    + "cheapest entry's mean",
                found: "\(multiplyAdds)")
        }
        return found
    }

    /// An entry as a policy.
    public func policy(_ entry: Entry) -> ExitPolicy { .threshold(criterion, entry.thresholds) }
}
