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

/// The kernels that case lines can name.
package struct KernelRegistry {
    private let kernels: [any BenchmarkKernel.Type]

    /// A registry of `kernels`, in order.
    package init(_ kernels: [any BenchmarkKernel.Type]) { self.kernels = kernels }

    /// Names, in order.
    package var names: [String] { kernels.map { $0.name } }

    /// The kernel of a name; nil if there is none.
    package func kernel(named name: String) -> (any BenchmarkKernel.Type)? {
        kernels.first { $0.name == name }
    }

    /// Checks a case and says what it costs.
    package func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        guard let kernel = kernel(named: benchmark.kernel) else {
            throw benchmark.error(
                nil, expected: "one of \(names.joined(separator: ", "))",
                found: "'\(benchmark.kernel)'")
        }
        for key in CaseKey.allCases where kernel.requiredKeys.contains(key) {
            if key == .r, benchmark.values[.rh] != nil, benchmark.values[.rw] != nil { continue }
            guard benchmark.values[key] != nil else {
                throw benchmark.error(
                    key, expected: "a value, \(kernel.name) needs one", found: "none")
            }
        }
        let prepared = try kernel.prepare(benchmark)
        try checkMemory(benchmark, bytes: prepared.bytes)
        return prepared
    }

    private func checkMemory(_ benchmark: BenchmarkCase, bytes: Double) throws(CaseError) {
        let available = Double(MachineInfo.memoryBytes)
        guard bytes <= available / 2 else {
            throw benchmark.error(
                nil, expected: "at most half of this machine's \(Format.bytes(available))",
                found: "tensors of \(Format.bytes(bytes))")
        }
    }
}
