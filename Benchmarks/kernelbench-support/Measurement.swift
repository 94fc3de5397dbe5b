import Foundation
import Protean

/// The instruction set and number of threads with which a case is measured.
package struct Configuration: Hashable, Sendable {
    /// The instruction set.
    package let isa: KernelISA
    /// Threads a call may take.
    package let threads: Int

    /// Names a configuration.
    package init(isa: KernelISA, threads: Int) {
        self.isa = isa
        self.threads = threads
    }
}

/// Times of one case under one configuration.
package struct Timing: Sendable {
    /// Wall seconds per call, one entry per sample.
    package var samples: [Double] = []
    /// Processor seconds per call of all threads together, one entry per sample.
    package var processor: [Double] = []
    /// Calls that were timed.
    package var calls = 0
    /// Wall seconds in all samples.
    package var total = 0.0
    /// The machine's multiply-add peak in GFLOP/s, measured once per turn.
    package var peaks: [Double] = []

    /// Adds the samples of another measurement of the same call.
    mutating func add(_ other: Timing) {
        samples += other.samples
        processor += other.processor
        calls += other.calls
        total += other.total
        peaks += other.peaks
    }

    /// Median multiply-add peak of the turns in GFLOP/s; nil when it was not measured.
    package var peak: Double? { peaks.isEmpty ? nil : Statistics.median(peaks) }
    /// Median wall seconds per call.
    package var median: Double { Statistics.median(samples) }
    /// The 10th percentile of wall seconds per call: the speed while nothing else uses the core.
    package var undisturbed: Double { Statistics.quantile(0.1, of: samples) }
    /// (p90 - p10) / median of the samples.
    package var spread: Double { Statistics.spread(samples) }
    /// Median processor seconds per call.
    package var processorMedian: Double { Statistics.median(processor) }
}

/// Times a call under several configurations in turn.
///
/// Configurations alternate (A B A B …) so that a change in the machine's speed affects all of
/// them, and ratios between them are fair. A turn after another configuration's starts with an
/// untimed call, because the other one left its data in the caches.
package struct Measurement {
    /// Seconds of timed calls wanted per configuration.
    package let minimumTime: Double
    /// Samples wanted per configuration.
    package let minimumSamples = 10
    /// Turns over which the time is spread.
    private let turns = 10

    /// Measures the machine's multiply-add peak between turns.
    private let gauge: ((Configuration) throws -> Double)?

    /// A measurement that spends `minimumTime` seconds on each configuration. `gauge` measures the
    /// multiply-add peak in GFLOP/s before every turn: the clock rate of a shared machine drifts,
    /// and a share of a peak measured at another time would be wrong by as much.
    package init(minimumTime: Double, gauge: ((Configuration) throws -> Double)? = nil) {
        self.minimumTime = minimumTime
        self.gauge = gauge
    }

    /// Times `run`, in the order of `configurations`.
    package func run(
        _ configurations: [Configuration], _ run: KernelRun
    ) throws -> [Timing] {
        let batches = try configurations.map { one in
            try Runtime.with(isa: one.isa, threads: one.threads) { try Sampling.batchSize(run) }
        }
        var timings = configurations.map { _ in Timing() }
        var open = Set(configurations.indices)
        while !open.isEmpty {
            for (index, one) in configurations.enumerated() where open.contains(index) {
                if let gauge { timings[index].peaks.append(try gauge(one)) }
                try Runtime.with(isa: one.isa, threads: one.threads) {
                    if configurations.count > 1 || gauge != nil { try Sampling.warmUp(run) }
                    try turn(run, batch: batches[index], &timings[index])
                }
                if isDone(timings[index]) { open.remove(index) }
            }
        }
        return timings
    }

    private func isDone(_ timing: Timing) -> Bool {
        timing.total >= minimumTime && timing.samples.count >= minimumSamples
    }

    private func turn(_ run: KernelRun, batch: Int, _ timing: inout Timing) throws {
        let enough = Clock.wall + minimumTime / Double(turns)
        repeat { try Sampling.sample(run, batch: batch, &timing) } while Clock.wall < enough
    }
}

/// How single samples are taken.
enum Sampling {
    /// Shorter calls are timed several at a time, so that the cost of reading the clock is
    /// negligible.
    private static let shortestSample = 50e-6

    /// Warms up, and determines the number of calls per sample.
    static func batchSize(_ run: KernelRun) throws -> Int {
        try warmUp(run)
        var calls = 1
        while true {
            let start = Clock.wall
            for _ in 0..<calls { consume(try run()) }
            let elapsed = Clock.wall - start
            if elapsed >= shortestSample { return calls }
            calls =
                elapsed > 0
                ? max(2 * calls, Int(Double(calls) * shortestSample / elapsed))
                : 2 * calls
        }
    }

    /// An untimed call.
    static func warmUp(_ run: KernelRun) throws { consume(try run()) }

    /// Times `batch` calls, a sample of `timing`; returns its wall seconds per call.
    @discardableResult
    static func sample(_ run: KernelRun, batch: Int, _ timing: inout Timing) throws -> Double {
        let processor = Clock.processor
        let start = Clock.wall
        for _ in 0..<batch { consume(try run()) }
        let elapsed = Clock.wall - start
        timing.samples.append(elapsed / Double(batch))
        timing.processor.append((Clock.processor - processor) / Double(batch))
        timing.calls += batch
        timing.total += elapsed
        return elapsed / Double(batch)
    }

    /// Makes a result observable, so that the compiler cannot remove its computation.
    @inline(never)
    private static func consume(_ value: Float) { withExtendedLifetime(value) {} }
}

/// Clocks, in seconds from an arbitrary start.
package enum Clock {
    /// Monotonic wall time.
    package static var wall: Double { read(CLOCK_MONOTONIC) }
    /// Processor time of all threads of this process.
    package static var processor: Double { read(CLOCK_PROCESS_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}
