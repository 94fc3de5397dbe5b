import Protean

extension BenchmarkSession {
    /// Measures every algorithm that applies to the convolutions among `cases`, alternating with the
    /// chosen one, until the ratio's median is known to 2 % or ``minimumTime`` is over.
    ///
    /// Cases that only one algorithm can compute are left out. `gauge` measures the current
    /// multiply-add peak in GFLOP/s. Throws ``CaseError`` if `cases` has no convolution.
    package func regret(
        of cases: [BenchmarkCase], rooflines: [Roofline],
        gauge: @escaping (Configuration) throws -> Double = Roofline.quickPeak
    ) throws -> Regret {
        let selected = try Regret.cases(among: cases)
        for one in selected { _ = try registry.prepare(one) }
        var found = Regret()
        for (index, one) in selected.enumerated() {
            progress("[\(index + 1)/\(selected.count)] \(one.name)")
            for at in configurations.indices {
                try measure(one, at, rooflines, gauge, &found)
            }
        }
        return found
    }

    private func measure(
        _ one: BenchmarkCase, _ at: Int, _ rooflines: [Roofline],
        _ gauge: @escaping (Configuration) throws -> Double, _ found: inout Regret
    ) throws {
        let configuration = configurations[at]
        let explanation = try Runtime.with(
            isa: configuration.isa, threads: configuration.threads
        ) { try registry.prepare(one).explain?() }
        guard let explanation,
            let estimate = explanation.estimates.first(where: {
                $0.algorithm == explanation.chosen
            }),
            case let others = explanation.estimates.filter({
                $0.algorithm != explanation.chosen
                    && Conv2dAlgorithm(rawValue: $0.algorithm) != nil
            }), !others.isEmpty
        else { return }
        var measured: [(algorithm: String, measured: Double, estimated: Double)] = []
        var chosen = Timing()
        try running(one) { prepared, call in
            for other in others {
                let forced = one.forcing(other.algorithm)
                try running(forced) { alternative, otherCall in
                    let pair = try PairedMeasurement(
                        longest: minimumTime, thresholds: [1], gauge: gauge
                    ).run(configuration, otherCall, call)
                    chosen.add(pair.second)
                    measured.append(
                        (other.algorithm, pair.ratio, other.cycles / estimate.cycles))
                    found.results.append(
                        result(forced, alternative, pair.first, at, rooflines))
                }
            }
            found.results.append(result(one, prepared, chosen, at, rooflines))
        }
        found.choices.append(
            Regret.Choice(
                name: one.name, configuration: configuration, chosen: explanation.chosen,
                others: measured))
    }

    private func result(
        _ one: BenchmarkCase, _ prepared: PreparedCase, _ timing: Timing, _ at: Int,
        _ rooflines: [Roofline]
    ) -> BenchmarkResult {
        BenchmarkResult(
            benchmark: one, configuration: configurations[at], timing: timing,
            flops: prepared.flops, bytes: prepared.bytes, loaded: prepared.loaded,
            executedShare: prepared.executedShare,
            roofline: rooflines[at].withPeak(timing.peak), singleThread: nil)
    }
}

extension BenchmarkCase {
    /// The case with a fixed algorithm, under a name of its own.
    func forcing(_ algorithm: String) -> BenchmarkCase {
        BenchmarkCase(
            name: "\(name)/\(algorithm)", kernel: kernel,
            values: values.merging([.algorithm: .word(algorithm)]) { $1 }, place: place)
    }
}
