/// One case under one configuration, measured.
package struct BenchmarkResult: Sendable {
    /// What was measured.
    package let benchmark: BenchmarkCase
    /// Where it ran.
    package let configuration: Configuration
    /// Times.
    package let timing: Timing
    /// Operations of the whole kernel, also those skipped.
    package let flops: Double
    /// Bytes that must move at least once.
    package let bytes: Double
    /// Bytes that must be read from the first-level cache.
    package let loaded: Double
    /// Share of ``flops`` that was executed.
    package let executedShare: Double
    /// The machine's limits under the same configuration.
    package let roofline: Roofline
    /// Median time on one thread; nil when that was not measured.
    package let singleThread: Double?
    /// Time of the whole map by the defining sums over this case's, median of turns; nil when the two
    /// were not measured in turns.
    package var directRatio: Double?

    /// The case's name.
    package var name: String { benchmark.name }
    /// The kernel's name.
    package var kernel: String { benchmark.kernel }
    /// Median wall seconds per call.
    package var seconds: Double { timing.median }
    /// Executed operations per second, in GFLOP/s.
    package var gflops: Double { executedFlops / seconds * 1e-9 }
    /// ``bytes`` per second in GB/s.
    package var gbs: Double { bytes / seconds * 1e-9 }
    /// The time the machine's limits allow over the time taken.
    package var rooflineShare: Double { leastSeconds / seconds }
    /// ``rooflineShare`` of the fastest tenth of the samples.
    package var undisturbedShare: Double { leastSeconds / timing.undisturbed }
    /// Which limit comes first.
    package var bound: Roofline.Bound {
        roofline.bound(flops: executedFlops, bytes: bytes, loaded: loaded)
    }
    /// Time on one thread over time; nil when one thread was not measured.
    package var speedup: Double? { singleThread.map { $0 / seconds } }

    /// The saving in time over the saving in operations, both against the whole map by the defining
    /// sums: 1 when every operation left out saves its time.
    package var realised: Double? { directRatio.map { $0 * executedShare } }

    private var executedFlops: Double { flops * executedShare }
    private var leastSeconds: Double {
        roofline.leastSeconds(flops: executedFlops, bytes: bytes, loaded: loaded)
    }
}
