import Protean
import ProteanCatalogue

/// A kernel of the registry: implemented by a type, or made from a layer's entry.
package struct MeasuredKernel {
    /// The name in case lines.
    package let name: String
    /// Keys that a case must have (`r` may be given as `rh` and `rw`).
    package let requiredKeys: Set<CaseKey>
    /// Keys that a case may have.
    package let optionalKeys: Set<CaseKey>
    /// Checks a case and returns its cost.
    let prepare: (BenchmarkCase) throws(CaseError) -> PreparedCase

    /// A kernel implemented by a type.
    package init(_ kernel: any BenchmarkKernel.Type) {
        name = kernel.name
        requiredKeys = kernel.requiredKeys
        optionalKeys = kernel.optionalKeys
        prepare = { one throws(CaseError) in try kernel.prepare(one) }
    }

    /// The kernel of an entry; nil for a layer whose kernel is implemented by a type.
    package init?(_ entry: LayerEntry) {
        guard let generic = entry.benchmark.generic else { return nil }
        name = entry.benchmark.kernel
        requiredKeys = Set(generic.requiredKeys.compactMap(CaseKey.init(rawValue:)))
        optionalKeys = Set(generic.optionalKeys.compactMap(CaseKey.init(rawValue:)))
        prepare = { one throws(CaseError) in try LayerKernel(entry, generic, one).prepared() }
    }
}

/// The kernels that case lines can name.
package struct KernelRegistry {
    private let kernels: [MeasuredKernel]

    /// A registry of kernels implemented by types, in order, and of the kernels of `layers`.
    package init(_ kernels: [any BenchmarkKernel.Type], layers: [LayerEntry] = []) {
        self.kernels = kernels.map { MeasuredKernel($0) } + layers.compactMap { MeasuredKernel($0) }
    }

    /// Names, in order.
    package var names: [String] { kernels.map(\.name) }

    /// The kernel of a name; nil if there is none.
    package func kernel(named name: String) -> MeasuredKernel? {
        kernels.first { $0.name == name }
    }

    /// Checks a case and returns its cost.
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
        try Self.checkMemory(benchmark, bytes: prepared.bytes)
        return prepared
    }

    /// Throws for a case whose tensors would not fit this machine's memory.
    static func checkMemory(_ benchmark: BenchmarkCase, bytes: Double) throws(CaseError) {
        let available = Double(MachineInfo.memoryBytes)
        guard bytes <= available / 2 else {
            throw benchmark.error(
                nil, expected: "at most half of this machine's \(Format.bytes(available))",
                found: "tensors of \(Format.bytes(bytes))")
        }
    }
}
