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

    /// Times that all cases are measured one after the other: a shared machine changes its speed from
    /// one second to the next, so every round is compared with its own whole map.
    package static let rounds = 7
    /// What counts as no slower.
    private static let tolerance = 0.03

    /// The density up to which `curve` is no slower than the whole map, between measured ones by linear
    /// interpolation of the speed-up; nil when it never is.
    static func density(of curve: SparseCurve) -> Double? {
        let enough = 1 - tolerance
        let slower = curve.points.firstIndex { $0.speedup < enough } ?? curve.points.count
        guard slower > 0 else { return nil }
        let a = curve.points[slower - 1]
        guard slower < curve.points.count else { return a.density }
        let b = curve.points[slower]
        let share = (a.speedup - enough) / (a.speedup - b.speedup)
        return a.density + (b.density - a.density) * share
    }

    /// Tables of the rounds' results: one row per shape and configuration, one column per pattern; then
    /// the speed-up against the fastest whole map at every density.
    package static func text(_ rounds: [[BenchmarkResult]]) -> String {
        let best = median(of: rounds.map(SparseCurve.curvesAgainstBest))
        let direct = median(of: rounds.map { SparseCurve.curves(of: $0) })
        let tables = [
            ("break-even density (within 3 %) against the whole map at its fastest", lines(best)),
            ("break-even density (within 3 %) against the defining sums", lines(direct)),
            ("speed-up over the whole map at its fastest", speedups(best)),
        ]
        return tables.map { ([$0] + $1).joined(separator: "\n") }.joined(separator: "\n\n")
    }

    /// Curves whose points are the medians of all rounds.
    private static func median(of rounds: [[SparseCurve]]) -> [SparseCurve] {
        guard let first = rounds.first else { return [] }
        return first.indices.map { index in
            let curves = rounds.map { $0[index] }
            let points = first[index].points.indices.map { at in
                SparseCurve.Point(
                    density: first[index].points[at].density,
                    speedup: Statistics.median(curves.map { $0.points[at].speedup }))
            }
            return SparseCurve(
                title: first[index].title, pattern: first[index].pattern, points: points)
        }
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
