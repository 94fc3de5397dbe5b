import Protean

/// Up to which density a mask pays: masked convolutions of many densities beside the whole map.
package enum BreakEven {
    private static let densities = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]

    /// The cases to measure: for every convolution among `cases` the whole map by the defining sums and
    /// by the fastest algorithm, and masks of every pattern and density, the way chosen by estimate.
    package static func cases(for cases: [BenchmarkCase]) throws(CaseError) -> [BenchmarkCase] {
        var all: [BenchmarkCase] = [], seen: [[CaseKey: CaseValue]] = []
        for one in cases where ["conv2d", "masked_conv2d"].contains(one.kernel) {
            var shape = one.values
            for key in [CaseKey.algorithm, .density, .pattern, .activation] { shape[key] = nil }
            guard !seen.contains(shape) else { continue }
            seen.append(shape)
            all += family(one, shape)
        }
        guard !all.isEmpty else {
            throw CaseError(
                place: "--break-even", expected: "at least one conv2d or masked_conv2d case",
                found: "none")
        }
        return all
    }

    private static func family(
        _ one: BenchmarkCase, _ shape: [CaseKey: CaseValue]
    ) -> [BenchmarkCase] {
        func make(
            _ name: String, _ kernel: String, _ more: [CaseKey: CaseValue]
        ) -> BenchmarkCase {
            BenchmarkCase(
                name: "\(one.name)/\(name)", kernel: kernel,
                values: shape.merging(more) { $1 }, place: one.place)
        }
        let whole = [
            make("whole.direct", "conv2d", [.algorithm: .word("direct")]),
            make("whole", "conv2d", [:]),
        ]
        return whole
            + MaskPattern.allCases.flatMap { pattern in
                densities.map { density in
                    make(
                        "\(pattern.rawValue).\(density)", "masked_conv2d",
                        [.pattern: .word(pattern.rawValue), .density: .real(density)])
                }
            }
    }

    /// The density up to which `curve` is faster than the whole map, between measured ones by linear
    /// interpolation of the speed-up; nil when it never is.
    static func density(of curve: SparseCurve) -> Double? {
        guard let last = curve.points.lastIndex(where: { $0.speedup >= 1 }) else { return nil }
        let a = curve.points[last]
        guard last + 1 < curve.points.count else { return a.density }
        let b = curve.points[last + 1]
        return a.density + (b.density - a.density) * (a.speedup - 1) / (a.speedup - b.speedup)
    }

    /// A table: one row per shape and configuration, one column per pattern.
    package static func text(_ results: [BenchmarkResult]) -> String {
        let against = [
            (
                "break-even density against the whole map at its fastest",
                SparseCurve.curvesAgainstBest(of: results)
            ),
            (
                "break-even density against the whole map by the defining sums",
                SparseCurve.curves(of: results)
            ),
        ]
        return against.map { title, curves in
            ([title] + lines(curves)).joined(separator: "\n")
        }.joined(separator: "\n\n")
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
