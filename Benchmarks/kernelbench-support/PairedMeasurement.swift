import Protean

/// Times two calls in turns, and stops as soon as the ratio of their times is known precisely
/// enough.
///
/// The speed of a shared machine varies, but this hardly affects the ratio of two consecutive
/// samples. Every sample follows two milliseconds of untimed calls, because the other call left its
/// data in the caches, and a cache shared by several cores is not refilled by the first call;
/// longer calls need no untimed ones.
struct PairedMeasurement {
    /// The measured times.
    struct Pair {
        var first = Timing()
        var second = Timing()
        /// Time of the first call divided by that of the second, one entry per turn.
        var ratios: [Double] = []
        /// Their median.
        var ratio: Double { Statistics.median(ratios) }
    }

    /// Seconds after which no further turn begins, once there are ``fewestTurns``.
    let longest: Double
    /// Thresholds of the ratio: the measurement must show whether the true ratio is above or below
    /// them.
    let thresholds: [Double]
    /// Relative width of the median's 95 % interval that is sufficient if the interval contains no
    /// threshold.
    var clearWidth = 0.1
    /// Measures the machine's multiply-add peak in GFLOP/s before the turns.
    var gauge: (Configuration) throws -> Double = Roofline.quickPeak
    /// Minimum number of turns.
    static let fewestTurns = 9
    /// Seconds of untimed calls before a sample, and the length of a call that needs none.
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
        // Not after every turn, because sorting would take longer than a short call.
        return isLate || ratios.count % 4 == 1 && isDecided(ratios)
    }

    /// Whether the median's 95 % interval is narrow: at most 2 % of it, or ``clearWidth`` if it
    /// contains no threshold.
    func isDecided(_ ratios: [Double]) -> Bool {
        let interval = Statistics.medianInterval(ratios)
        let isClear = !thresholds.contains { interval.contains($0) }
        let width = interval.upperBound - interval.lowerBound
        return width <= (isClear ? clearWidth : 0.02) * Statistics.median(ratios)
    }
}
