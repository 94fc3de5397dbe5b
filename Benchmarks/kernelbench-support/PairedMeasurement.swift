import Protean

/// Times two calls in turns, and stops as soon as the ratio of their times is known well enough.
///
/// A shared machine changes its speed from one moment to the next; a ratio of neighbours does not
/// notice. Every sample follows two milliseconds of calls that are not counted, because the other one
/// left its own data in the caches, and a cache that several cores share does not give way at the first
/// call; longer calls do without.
struct PairedMeasurement {
    /// What was measured.
    struct Pair {
        var first = Timing()
        var second = Timing()
        /// Time of the first call over that of the second, one entry per turn.
        var ratios: [Double] = []
        /// Their median.
        var ratio: Double { Statistics.median(ratios) }
    }

    /// Seconds after which no turn begins, once there are ``fewestTurns``.
    let longest: Double
    /// Ratios that something depends on: whether the true one is above or below has to be clear.
    let thresholds: [Double]
    /// Width of the median's 95 % interval, as a share of it, that is enough when no threshold lies
    /// within.
    var clearWidth = 0.1
    /// Measures the machine's multiply-add peak in GFLOP/s before the turns.
    var gauge: (Configuration) throws -> Double = Roofline.quickPeak
    /// Turns that are always taken.
    static let fewestTurns = 9
    /// Seconds of uncounted calls, and of a call that is not preceded by any.
    private static let warmUpTime = 2e-3

    /// Times both calls under one configuration.
    func run(
        _ configuration: Configuration, _ first: KernelRun, _ second: KernelRun
    ) throws -> Pair {
        var pair = Pair()
        let peak = try gauge(configuration)
        pair.first.peaks.append(peak)
        pair.second.peaks.append(peak)
        try Runtime.with(isa: configuration.isa, threads: configuration.threads) {
            let batches = (try Sampling.batchSize(first), try Sampling.batchSize(second))
            let end = Clock.wall + longest
            repeat {
                let a = try Self.sample(first, batches.0, &pair.first)
                let b = try Self.sample(second, batches.1, &pair.second)
                pair.ratios.append(a / b)
            } while !isEnough(pair.ratios, isLate: Clock.wall >= end)
        }
        return pair
    }

    private static func sample(
        _ run: KernelRun, _ batch: Int, _ timing: inout Timing
    ) throws -> Double {
        if timing.samples.last ?? 0 < warmUpTime {
            let end = Clock.wall + warmUpTime
            repeat { try Sampling.warmUp(run) } while Clock.wall < end
        }
        return try Sampling.sample(run, batch: batch, &timing)
    }

    private func isEnough(_ ratios: [Double], isLate: Bool) -> Bool {
        guard ratios.count >= Self.fewestTurns else { return false }
        // Sorting at every turn of a short call would take longer than the call.
        return isLate || ratios.count % 4 == 1 && isDecided(ratios)
    }

    /// Whether the median's 95 % interval is narrow: 2 % of it, or ``clearWidth`` when no threshold
    /// lies within.
    func isDecided(_ ratios: [Double]) -> Bool {
        let interval = Statistics.medianInterval(ratios)
        let isClear = !thresholds.contains { interval.contains($0) }
        let width = interval.upperBound - interval.lowerBound
        return width <= (isClear ? clearWidth : 0.02) * Statistics.median(ratios)
    }
}
