import Protean

/// A kernel that can be measured. One small type per kernel, listed in ``KernelRegistry``.
package protocol BenchmarkKernel {
    /// The name in case lines.
    static var name: String { get }
    /// Keys that a case must have (`r` may be given as `rh` and `rw`).
    static var requiredKeys: Set<CaseKey> { get }
    /// Keys that a case may have.
    static var optionalKeys: Set<CaseKey> { get }
    /// Checks a case and returns its cost. Large memory is allocated only in ``PreparedCase/load``.
    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase
}

/// Runs a kernel once and returns one value of its result.
package typealias KernelRun = () throws -> Float

/// A checked case with its cost.
package struct PreparedCase {
    /// Operations of the whole kernel, with a multiply-add counted as two; includes those that a
    /// dynamic kernel skips.
    package var flops: Double
    /// Bytes that must be read or written at least once: inputs, weights, results.
    package var bytes: Double
    /// Bytes that must be read from the first-level cache because no register tile can reuse them:
    /// samples at positions that depend on the input.
    package var loaded = 0.0
    /// Share of ``flops`` that is executed, 0...1.
    package var executedShare = 1.0
    /// A description of how the kernel runs this case; nil for kernels with only one algorithm.
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
