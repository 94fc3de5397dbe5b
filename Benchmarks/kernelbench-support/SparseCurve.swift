import Protean

/// How much of the theoretical saving a masked kernel realises, over the share of active outputs.
package struct SparseCurve {
    /// A mask's density and what was measured with it.
    package struct Point {
        /// Share of the outputs that the mask asks for.
        package let density: Double
        /// Time of the whole map over time of the masked kernel.
        package let speedup: Double
        /// ``speedup`` over what the density promises, 1 / density.
        package var realised: Double { speedup * density }
    }

    /// The convolution, such as `56x56 64->64 r3, avx512, 1 thread`.
    package let title: String
    /// How active pixels lie.
    package let pattern: String
    /// By rising density.
    package let points: [Point]

    /// A curve for each shape, configuration and pattern among `results` whose whole map was measured
    /// by the defining sums too.
    package static func curves(of results: [BenchmarkResult]) -> [SparseCurve] {
        curves(of: results, against: dense(results) { $0 == .word("direct") })
    }

    /// As above, against the fastest way that the whole map was measured in.
    package static func curvesAgainstBest(of results: [BenchmarkResult]) -> [SparseCurve] {
        curves(of: results, against: dense(results) { _ in true })
    }

    /// The shortest time of each title's whole map, of the algorithms that `fits` takes.
    private static func dense(
        _ results: [BenchmarkResult], _ fits: (CaseValue?) -> Bool
    ) -> [String: Double] {
        var seconds: [String: Double] = [:]
        for one in results
        where isWholeBlock(one)
            || one.kernel == "conv2d" && fits(one.benchmark.values[.algorithm])
        {
            seconds[title(of: one)] = min(seconds[title(of: one)] ?? .infinity, one.seconds)
        }
        return seconds
    }

    private static func curves(
        of results: [BenchmarkResult], against dense: [String: Double]
    ) -> [SparseCurve] {
        var order: [String] = [], found: [String: SparseCurve] = [:]
        for one in results where one.benchmark.values[.density] != nil {
            let title = title(of: one)
            guard let whole = dense[title] else { continue }
            let pattern = one.benchmark.values[.pattern]?.description ?? "pixels"
            let key = "\(title) \(pattern)"
            if found[key] == nil { order.append(key) }
            let point = Point(density: one.executedShare, speedup: whole / one.seconds)
            found[key] = SparseCurve(
                title: title, pattern: pattern,
                points: ((found[key]?.points ?? []) + [point]).sorted { $0.density < $1.density })
        }
        return order.compactMap { found[$0] }
    }

    private static func isWholeBlock(_ result: BenchmarkResult) -> Bool {
        result.kernel == "dynconv_bottleneck" && result.benchmark.values[.density] == nil
    }

    private static let details: [CaseKey] = [.rh, .rw, .stride, .pad, .dilation, .groups]

    private static func title(of result: BenchmarkResult) -> String {
        let values = result.benchmark.values
        func text(_ key: CaseKey) -> String { values[key]?.description ?? "1" }
        var title = "\(text(.n))x\(text(.h))x\(text(.w)) "
        title +=
            result.kernel == "dynconv_bottleneck"
            ? "bottleneck of \(text(.c))" : "\(text(.c))->\(text(.k))"
        if let size = values[.r] { title += " r\(size)" }
        for key in details {
            if let value = values[key] { title += " \(key.rawValue)=\(value)" }
        }
        let threads = TableReport.threads(result.configuration.threads)
        return "\(title), \(result.configuration.isa.rawValue), \(threads)"
    }
}
