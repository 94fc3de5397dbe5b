import Protean

/// A copy of a map into a fresh result: a lower bound of the cost of any operation.
enum CopyBenchmark: BenchmarkKernel {
    static let name = "copy"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        return PreparedCase(flops: 0, bytes: Size.bytes(2 * Size.elements(shape))) {
            let x = try benchmark.values(shape)
            return {
                // Write access to a shared tensor copies it.
                var y = x
                return try y.withUnsafeMutableBufferPointer { $0.first ?? 0 }
            }
        }
    }
}
