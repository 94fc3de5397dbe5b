import Protean

/// The sum of two maps.
enum AddBenchmark: BenchmarkKernel {
    static let name = "add"
    static let requiredKeys: Set<CaseKey> = [.c]
    static let optionalKeys: Set<CaseKey> = [.n, .h, .w, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.rowsShape()
        let elements = Size.elements(shape)
        return PreparedCase(flops: elements, bytes: Size.bytes(3 * elements)) {
            let a = try benchmark.values(shape)
            let b = try benchmark.values(shape, stream: 1)
            return { try Operations.add(a, b).sample() }
        }
    }
}
