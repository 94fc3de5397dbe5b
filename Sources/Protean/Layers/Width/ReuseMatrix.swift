/// Which earlier stages' channels each stage of a layer reads besides its own.
///
/// `m[i][j]` is true where stage i reads the channels of stage j. Only earlier stages may be reused
/// (m is lower triangular) and every stage reads its own channels. Concat operation of S2DNAS
/// (arXiv 1911.07033); in the last layer every stage must reuse all earlier ones (``isFull``).
public struct ReuseMatrix: Sendable, Hashable {
    /// A row per stage.
    public let rows: [[Bool]]

    /// A matrix, checked.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming `reuse` when it
    ///   is not square, a stage does not read its own channels, or one reads a later stage's.
    public init(_ rows: [[Bool]]) throws(ProteanError) {
        guard !rows.isEmpty, rows.allSatisfy({ $0.count == rows.count }) else {
            throw Self.refusal("a row and a column per stage", rows)
        }
        for (i, row) in rows.enumerated() {
            guard row[i] else {
                throw Self.refusal("1 at [\(i)][\(i)]: a stage reads its own channels", rows)
            }
            if let later = row.indices.first(where: { $0 > i && row[$0] }) {
                throw Self.refusal(
                    "0 at [\(i)][\(later)]: stage \(later) is computed after stage \(i)", rows)
            }
        }
        self.rows = rows
    }

    private static func refusal(_ expected: String, _ rows: [[Bool]]) -> ProteanError {
        let found = rows.map { "[" + $0.map { $0 ? "1" : "0" }.joined(separator: ", ") + "]" }
        return .invalidOption(
            layer: "ReuseMatrix", option: "reuse", expected: expected,
            found: "[\(found.joined(separator: ", "))]")
    }

    private init(stages: Int, _ reads: (Int, Int) -> Bool) throws(ProteanError) {
        try checkOption(stages, "stages", in: 1...OptionLimits.depth, layer: "ReuseMatrix")
        rows = (0..<stages).map { i in (0..<stages).map { $0 == i || ($0 < i && reads(i, $0)) } }
    }

    /// Every stage reads all earlier ones.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for less than one
    ///   stage.
    public static func full(_ stages: Int) throws(ProteanError) -> ReuseMatrix {
        try ReuseMatrix(stages: stages) { _, _ in true }
    }

    /// Every stage reads its own channels only.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for less than one
    ///   stage.
    public static func none(_ stages: Int) throws(ProteanError) -> ReuseMatrix {
        try ReuseMatrix(stages: stages) { _, _ in false }
    }

    /// Number of stages.
    public var stages: Int { rows.count }

    /// Whether every stage reads all earlier ones.
    public var isFull: Bool {
        rows.enumerated().allSatisfy { i, row in row.prefix(i).allSatisfy(\.self) }
    }

    /// The stages whose channels stage `stage` reads, ascending; the last is `stage` itself.
    public func sources(of stage: Int) -> [Int] {
        rows[stage].indices.filter { rows[stage][$0] }
    }

    /// Throws unless every stage reads all earlier ones, as a network's last layer must.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public func checkIsFull(layer: String) throws(ProteanError) {
        guard !isFull else { return }
        throw .invalidOption(
            layer: layer, option: "reuse",
            expected: "every stage of the last layer to reuse all earlier stages",
            found: "\(rows.map { $0.map { $0 ? 1 : 0 } })")
    }
}
