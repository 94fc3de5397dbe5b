import CProteanKernels
import Protean

/// The measured limits of this machine under one configuration.
package struct Roofline: Sendable {
    /// The measured configuration.
    package let configuration: Configuration
    /// Multiply-adds in registers, in GFLOP/s, all threads together.
    package let peakGflops: Double
    /// Bytes read and written while copying ``copyBytes`` in GB/s, all threads together.
    package let copyGBs: Double
    /// Bytes that multiply-adds read from the first-level cache in GB/s, all threads together.
    package let loadGBs: Double

    /// The size of the copied buffer: 64 MiB, larger than most last-level caches available to one
    /// process.
    package static let copyBytes = 64 << 20

    /// The limit that bounds a kernel.
    package enum Bound: String, Sendable {
        /// Arithmetic.
        case fma
        /// Reading from the first-level cache.
        case loads
        /// Main memory.
        case memory
    }

    /// Limits as given.
    package init(
        configuration: Configuration, peakGflops: Double, copyGBs: Double,
        loadGBs: Double = .infinity
    ) {
        self.configuration = configuration
        self.peakGflops = peakGflops
        self.copyGBs = copyGBs
        self.loadGBs = loadGBs
    }

    /// The multiply-add peak alone, measured in some milliseconds.
    package static func quickPeak(_ configuration: Configuration) throws -> Double {
        try Runtime.with(isa: configuration.isa, threads: configuration.threads) {
            var runtime = try Runtime.current()
            var peak = 0.0
            try ptn_measure_fma_peak(&runtime, 0.01, &peak).check("roofline")
            return peak
        }
    }

    /// The same limits with another multiply-add peak; the rate of the first-level cache is scaled
    /// with it.
    package func withPeak(_ gflops: Double?) -> Roofline {
        let peak = gflops ?? peakGflops
        return Roofline(
            configuration: configuration, peakGflops: peak, copyGBs: copyGBs,
            loadGBs: loadGBs * peak / peakGflops)
    }

    /// Measures for about three times `seconds`.
    package static func measure(
        _ configuration: Configuration, seconds: Double
    ) throws -> Roofline {
        try Runtime.with(isa: configuration.isa, threads: configuration.threads) {
            var runtime = try Runtime.current()
            var peak = 0.0
            var copy = 0.0
            var load = 0.0
            try ptn_measure_fma_peak(&runtime, seconds, &peak).check("roofline")
            try ptn_measure_load_rate(&runtime, seconds, &load).check("roofline")
            try ptn_measure_copy_bandwidth(&runtime, copyBytes, seconds, &copy)
                .check("roofline", bytes: 2 * copyBytes)
            return Roofline(
                configuration: configuration, peakGflops: peak, copyGBs: copy, loadGBs: load)
        }
    }

    /// The least seconds in which this machine could do `flops` operations on `bytes` of memory,
    /// reading `loaded` bytes from the first-level cache.
    package func leastSeconds(flops: Double, bytes: Double, loaded: Double = 0) -> Double {
        max(flops / peakGflops, bytes / copyGBs, loaded / loadGBs) * 1e-9
    }

    /// The limit that bounds them.
    package func bound(flops: Double, bytes: Double, loaded: Double = 0) -> Bound {
        let computing = flops / peakGflops, moving = bytes / copyGBs, loading = loaded / loadGBs
        if loading > max(computing, moving) { return .loads }
        return computing >= moving ? .fma : .memory
    }
}
