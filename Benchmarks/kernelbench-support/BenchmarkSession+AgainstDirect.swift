import Protean

extension BenchmarkCase {
    /// The static case that this one replaces: the whole map of its shape, at fixed positions, by
    /// the defining sums; nil if there is none.
    var direct: BenchmarkCase? {
        switch kernel {
        case MaskedConv2dBenchmark.name, DeformConv2dBenchmark.name:
            let keys = ConvolutionCase.requiredKeys.union(ConvolutionCase.optionalKeys)
            return direct(Conv2dBenchmark.name, keys, algorithm: "direct")
        case DynConvBottleneckBenchmark.name where values[.density] != nil:
            return direct(kernel, [.n, .h, .w, .c], algorithm: "dense")
        default: return nil
        }
    }

    private func direct(_ kernel: String, _ keys: Set<CaseKey>, algorithm: String) -> BenchmarkCase
    {
        var values = values.filter { keys.contains($0.key) }
        values[.algorithm] = .word(algorithm)
        return BenchmarkCase(name: "\(name)/direct", kernel: kernel, values: values, place: place)
    }
}

extension BenchmarkSession {
    /// Measures every case alternating with the whole map by the defining sums, so that both run at
    /// the same machine speed, until the ratio's median is known to 2 % or ``minimumTime`` is over.
    /// Cases that replace no whole map are skipped; if no case remains, throws ``CaseError``.
    package func againstDirect(
        _ cases: [BenchmarkCase], rooflines: [Roofline],
        gauge: @escaping (Configuration) throws -> Double = Roofline.quickPeak
    ) throws -> [BenchmarkResult] {
        let compared = cases.compactMap { one in one.direct.map { (one, $0) } }
        guard !compared.isEmpty else {
            throw CaseError(
                place: "--against-direct",
                expected: "at least one \(MaskedConv2dBenchmark.name), "
                    + "\(DynConvBottleneckBenchmark.name) or \(DeformConv2dBenchmark.name) case",
                found: "none")
        }
        for (one, direct) in compared {
            _ = (try registry.prepare(one), try registry.prepare(direct))
        }
        var results: [BenchmarkResult] = []
        for (index, (one, direct)) in compared.enumerated() {
            progress("[\(index + 1)/\(compared.count)] \(one.name)")
            let pairs = try running(direct) { _, whole in
                try running(one) { _, call in
                    try configurations.map {
                        try PairedMeasurement(
                            longest: minimumTime, thresholds: [], clearWidth: 0.02, gauge: gauge
                        ).run($0, whole, call)
                    }
                }
            }
            var assembled = assemble(
                one, try registry.prepare(one), pairs.map(\.second), rooflines)
            for at in pairs.indices { assembled[at].directRatio = pairs[at].ratio }
            results += assembled
        }
        return results
    }
}
