import Protean

extension BenchmarkSession {
    /// Measures the density up to which a mask is faster, for every convolution among `cases`.
    ///
    /// Masked call and whole map alternate, so that both run at the same machine speed;
    /// ``minimumTime`` limits the time of a mask's turns under each configuration. `gauge` measures
    /// the current multiply-add peak in GFLOP/s.
    package func breakEven(
        for cases: [BenchmarkCase], rooflines: [Roofline],
        gauge: @escaping (Configuration) throws -> Double = Roofline.quickPeak
    ) throws -> BreakEven {
        let families = try BreakEven.families(of: cases)
        for one in try BreakEven.cases(for: cases) { _ = try registry.prepare(one) }
        var found = BreakEven()
        for (index, family) in families.enumerated() {
            let place = families.count > 1 ? "[\(index + 1)/\(families.count)] " : ""
            try measure(family, place, rooflines, gauge, &found)
        }
        return found
    }

    /// The whole map's call and times, and the ratio of the defining sums' time to it, per
    /// configuration.
    private struct Whole {
        let call: KernelRun
        var fastest, direct: [Timing]
        let slowdown: [Double]
    }

    private func measure(
        _ family: BreakEven.Family, _ place: String, _ rooflines: [Roofline],
        _ gauge: @escaping (Configuration) throws -> Double, _ found: inout BreakEven
    ) throws {
        progress(place + family.whole.name)
        var whole = try measured(family, gauge)
        var masked: [(result: BenchmarkResult, speedup: Double, slowdown: Double)] = []
        for (index, one) in family.masked.enumerated() {
            progress("\(place)[\(index + 1)/\(family.masked.count)] \(one.name)")
            try running(one) { prepared, call in
                let pairs = try configurations.indices.map { at in
                    let slowdown = whole.slowdown[at]
                    let pair = try PairedMeasurement(
                        longest: minimumTime,
                        thresholds: [min(1, slowdown), slowdown].map { BreakEven.enough / $0 },
                        gauge: gauge
                    ).run(configurations[at], whole.call, call)
                    whole.fastest[at].add(pair.first)
                    return pair
                }
                let results = assemble(one, prepared, pairs.map(\.second), rooflines)
                for (at, result) in results.enumerated() {
                    masked.append((result, pairs[at].ratio, whole.slowdown[at]))
                }
            }
        }
        for (one, timings) in [(family.direct, whole.direct), (family.whole, whole.fastest)] {
            found.results += assemble(one, try registry.prepare(one), timings, rooflines)
        }
        found.results += masked.map(\.result)
        found.againstFastest += SparseCurve.curves(
            of: masked.map { ($0.result, $0.speedup * min(1, $0.slowdown)) })
        found.againstDirect += SparseCurve.curves(
            of: masked.map { ($0.result, $0.speedup * $0.slowdown) })
    }

    /// Both algorithms for the whole map, alternating.
    private func measured(
        _ family: BreakEven.Family, _ gauge: @escaping (Configuration) throws -> Double
    ) throws -> Whole {
        try running(family.whole) { _, call in
            try running(family.direct) { _, direct in
                let pairs = try configurations.map {
                    try PairedMeasurement(longest: minimumTime, thresholds: [1], gauge: gauge)
                        .run($0, direct, call)
                }
                return Whole(
                    call: call, fastest: pairs.map(\.second), direct: pairs.map(\.first),
                    slowdown: pairs.map(\.ratio))
            }
        }
    }

    /// Loads a case and passes it on; errors of the library name the case.
    func running<T>(
        _ one: BenchmarkCase, _ body: (PreparedCase, @escaping KernelRun) throws -> T
    ) throws -> T {
        do {
            let prepared = try registry.prepare(one)
            return try body(prepared, try prepared.load())
        } catch let error as ProteanError {
            throw one.error(nil, expected: "a case that runs", found: "\(error)")
        }
    }
}
