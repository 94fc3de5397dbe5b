import Protean

/// A kernel that can be measured. One small type per kernel, listed in ``KernelRegistry``.
package protocol BenchmarkKernel {
    /// The name in case lines.
    static var name: String { get }
    /// Keys that a case must have (`r` may be given as `rh` and `rw`).
    static var requiredKeys: Set<CaseKey> { get }
    /// Keys that a case may have.
    static var optionalKeys: Set<CaseKey> { get }
    /// Checks a case and says what it costs. Allocates nothing large: that is left to
    /// ``PreparedCase/load``.
    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase
}

/// Runs a kernel once and returns one number of its result.
package typealias KernelRun = () throws -> Float

/// A case that was found to be possible.
package struct PreparedCase {
    /// Operations of the whole kernel, a multiply-add counting as two; also those that a dynamic
    /// kernel skips.
    package var flops: Double
    /// Bytes that must move at least once: inputs, weights, results.
    package var bytes: Double
    /// Bytes that must be read from the first-level cache, where these are more than a tile's
    /// registers could save: samples of positions that depend on the input.
    package var loaded = 0.0
    /// Share of ``flops`` that is executed, 0...1.
    package var executedShare = 1.0
    /// How the kernel would run this case, in words; nil for kernels with one way only.
    package var explain: (() throws -> Explanation)?
    /// Makes weights and inputs and returns the call to measure.
    package var load: () throws -> KernelRun

    /// Describes a case.
    package init(
        flops: Double, bytes: Double, loaded: Double = 0, executedShare: Double = 1,
        explain: (() throws -> Explanation)? = nil, load: @escaping () throws -> KernelRun
    ) {
        self.flops = flops
        self.bytes = bytes
        self.loaded = loaded
        self.executedShare = executedShare
        self.explain = explain
        self.load = load
    }
}
