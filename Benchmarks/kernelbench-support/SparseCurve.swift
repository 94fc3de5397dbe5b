import Protean

/// The share of the theoretical saving that a masked kernel realises, as a function of the share of
/// active outputs.
package struct SparseCurve {
    /// A mask's density and its measurements.
    package struct Point {
        /// Share of active outputs.
        package let density: Double
        /// Time of the whole map divided by that of the masked kernel.
        package let speedup: Double
        /// ``speedup`` divided by the theoretical speed-up, 1 / density.
        package var realised: Double { speedup * density }
    }

    /// The convolution, such as `56x56 64->64 r3, avx512, 1 thread`.
    package let title: String
    /// The pattern of active pixels.
    package let pattern: String
    /// In order of increasing density.
    package let points: [Point]

    /// A curve for each shape, configuration and pattern among `results` that were measured in turns
    /// with the whole map by the defining sums, or whose whole map is among them.
    package static func curves(of results: [BenchmarkResult]) -> [SparseCurve] {
        var whole: [String: Double] = [:]
        for one in results
        where isWholeBlock(one)
            || one.kernel == "conv2d" && one.benchmark.values[.algorithm] == .word("direct")
        {
            whole[title(of: one)] = min(whole[title(of: one)] ?? .infinity, one.seconds)
        }
        return curves(
            of: results.filter { $0.benchmark.values[.density] != nil }.compactMap { one in
                let ratio = one.directRatio ?? whole[title(of: one)].map { $0 / one.seconds }
                return ratio.map { (one, $0) }
            })
    }

    /// A curve for each shape, configuration and pattern among masked results with their speed-ups.
    static func curves(of masked: [(result: BenchmarkResult, speedup: Double)]) -> [SparseCurve] {
        var order: [String] = [], found: [String: SparseCurve] = [:]
        for (one, speedup) in masked {
            let title = title(of: one)
            let pattern = one.benchmark.values[.pattern]?.description ?? "pixels"
            let key = "\(title) \(pattern)"
            if found[key] == nil { order.append(key) }
            let point = Point(density: one.executedShare, speedup: speedup)
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
