extension Criterion: LosslessStringConvertible {
    /// Names that stand for a criterion as they are.
    private static let plain: [(name: String, criterion: Criterion)] = [
        ("maximum-probability", .maximumProbability), ("entropy", .entropy),
        ("normalized-entropy", .normalizedEntropy), ("margin", .margin), ("patience", .patience),
        ("accept", .accept),
    ]

    /// All names, as commands and files write them.
    public static let names = plain.map(\.name) + ["agreement:TOLERANCE"]

    /// The name in commands and files, such as `maximum-probability` or `agreement:0.5`.
    public var description: String {
        if case .agreement(let tolerance) = self { return "agreement:\(tolerance)" }
        return Self.plain.first { $0.criterion == self }?.name ?? "criterion"
    }

    /// The criterion of a name; nil for a text that is none of ``names``, and for a tolerance that
    /// is not a number above 0.
    public init?(_ description: String) {
        if let found = Self.plain.first(where: { $0.name == description }) {
            self = found.criterion
            return
        }
        guard description.hasPrefix("agreement:"),
            let tolerance = Float(description.dropFirst("agreement:".count)),
            tolerance > 0, tolerance.isFinite
        else { return nil }
        self = .agreement(tolerance: tolerance)
    }
}
