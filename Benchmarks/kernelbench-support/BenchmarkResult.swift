/// One case under one configuration, measured.
package struct BenchmarkResult: Sendable {
    /// The measured case.
    package let benchmark: BenchmarkCase
    /// The instruction set and the threads.
    package let configuration: Configuration
    /// Times.
    package let timing: Timing
    /// Operations of the whole kernel, including those skipped.
    package let flops: Double
    /// Bytes that must be read or written at least once.
    package let bytes: Double
    /// Bytes that must be read from the first-level cache.
    package let loaded: Double
    /// Share of ``flops`` that was executed.
    package let executedShare: Double
    /// The machine's limits under the same configuration.
    package let roofline: Roofline
    /// Median time on one thread; nil when that was not measured.
    package let singleThread: Double?
    /// Time of the whole map by the defining sums divided by this case's, median over alternating
    /// turns; nil if the two were not measured in turns.
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
    /// The shortest time that the machine's limits allow, divided by the measured time.
    package var rooflineShare: Double { leastSeconds / seconds }
    /// ``rooflineShare`` of the fastest tenth of the samples.
    package var undisturbedShare: Double { leastSeconds / timing.undisturbed }
    /// The limit that bounds the case.
    package var bound: Roofline.Bound {
        roofline.bound(flops: executedFlops, bytes: bytes, loaded: loaded)
    }
    /// Time on one thread divided by this time; nil if one thread was not measured.
    package var speedup: Double? { singleThread.map { $0 / seconds } }

    /// The saving in time divided by the saving in operations, both relative to the whole map by
    /// the defining sums: 1 if every skipped operation saves its time.
    package var realised: Double? { directRatio.map { $0 * executedShare } }

    private var executedFlops: Double { flops * executedShare }
    private var leastSeconds: Double {
        roofline.leastSeconds(flops: executedFlops, bytes: bytes, loaded: loaded)
    }
}
