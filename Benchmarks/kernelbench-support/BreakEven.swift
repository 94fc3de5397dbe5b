import Protean

/// The density up to which a mask is faster: masked convolutions of many densities compared with
/// the whole map.
package struct BreakEven {
    /// Times of all cases; those of a whole map include all its turns.
    package internal(set) var results: [BenchmarkResult] = []
    /// Speed-ups over the whole map at its fastest.
    package internal(set) var againstFastest: [SparseCurve] = []
    /// Speed-ups over the whole map by the defining sums.
    package internal(set) var againstDirect: [SparseCurve] = []

    private static let densities = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]

    /// A convolution's cases: the whole map by the fastest algorithm and by the defining sums, and
    /// masks of every pattern and density, with the algorithm chosen by estimate.
    struct Family {
        let whole, direct: BenchmarkCase
        let masked: [BenchmarkCase]
    }

    /// The cases of every convolution among `cases`.
    package static func cases(for cases: [BenchmarkCase]) throws(CaseError) -> [BenchmarkCase] {
        try families(of: cases).flatMap { [$0.direct, $0.whole] + $0.masked }
    }

    static func families(of cases: [BenchmarkCase]) throws(CaseError) -> [Family] {
        var all: [Family] = [], seen: [[CaseKey: CaseValue]] = []
        for one in cases where ["conv2d", "masked_conv2d"].contains(one.kernel) {
            var shape = one.values
            for key in [CaseKey.algorithm, .density, .pattern, .activation] { shape[key] = nil }
            guard !seen.contains(shape) else { continue }
            seen.append(shape)
            all.append(family(one, shape))
        }
        guard !all.isEmpty else {
            throw CaseError(
                place: "--break-even", expected: "at least one conv2d or masked_conv2d case",
                found: "none")
        }
        return all
    }

    private static func family(_ one: BenchmarkCase, _ shape: [CaseKey: CaseValue]) -> Family {
        func make(
            _ name: String, _ kernel: String, _ more: [CaseKey: CaseValue]
        ) -> BenchmarkCase {
            BenchmarkCase(
                name: "\(one.name)/\(name)", kernel: kernel,
                values: shape.merging(more) { $1 }, place: one.place)
        }
        return Family(
            whole: make("whole", "conv2d", [:]),
            direct: make("whole.direct", "conv2d", [.algorithm: .word("direct")]),
            masked: MaskPattern.allCases.flatMap { pattern in
                densities.map { density in
                    make(
                        "\(pattern.rawValue).\(density)", "masked_conv2d",
                        [.pattern: .word(pattern.rawValue), .density: .real(density)])
                }
            })
    }

    /// The relative slowdown that still counts as no slower.
    private static let tolerance = 0.03
    /// The smallest speed-up that counts as no slower.
    static let enough = 1 - tolerance

    /// The density up to which `curve` is no slower than the whole map, interpolated linearly
    /// between measured speed-ups; nil if it is always slower.
    static func density(of curve: SparseCurve) -> Double? {
        let slower = curve.points.firstIndex { $0.speedup < enough } ?? curve.points.count
        guard slower > 0 else { return nil }
        let a = curve.points[slower - 1]
        guard slower < curve.points.count else { return a.density }
        let b = curve.points[slower]
        let share = (a.speedup - enough) / (a.speedup - b.speedup)
        return a.density + (b.density - a.density) * share
    }

    /// Tables: one row per shape and configuration, one column per pattern; then the speed-up against
    /// the fastest whole map at every density.
    package var text: String {
        let tables = [
            (
                "break-even density (within 3 %) against the whole map at its fastest",
                Self.lines(againstFastest)
            ),
            (
                "break-even density (within 3 %) against the defining sums",
                Self.lines(againstDirect)
            ),
            ("speed-up over the whole map at its fastest", Self.speedups(againstFastest)),
        ]
        return tables.map { ([$0] + $1).joined(separator: "\n") }.joined(separator: "\n\n")
    }

    private static func speedups(_ curves: [SparseCurve]) -> [String] {
        curves.map { curve in
            let points = curve.points.map {
                "\(Format.percent($0.density)) \(Format.digits($0.speedup))x"
            }
            return "\(curve.title), \(curve.pattern): \(points.joined(separator: ", "))"
        }
    }

    private static func lines(_ curves: [SparseCurve]) -> [String] {
        let patterns = MaskPattern.allCases.map(\.rawValue)
        var titles: [String] = []
        for curve in curves where !titles.contains(curve.title) { titles.append(curve.title) }
        let width = titles.map(\.count).max() ?? 0
        func row(_ head: String, _ cells: [String]) -> String {
            head + String(repeating: " ", count: max(0, width - head.count))
                + cells.map { String(repeating: " ", count: max(1, 9 - $0.count)) + $0 }.joined()
        }
        return [row("", patterns)]
            + titles.map { title in
                row(
                    title,
                    patterns.map { pattern in
                        let curve = curves.first { $0.title == title && $0.pattern == pattern }
                        guard let curve else { return "-" }
                        return density(of: curve).map(Format.percent) ?? "never"
                    })
            }
    }
}
