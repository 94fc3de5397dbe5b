import Protean

/// Softmax along the channels.
enum SoftmaxBenchmark: BenchmarkKernel {
    static let name = "softmax"
    static let requiredKeys: Set<CaseKey> = [.c]
    static let optionalKeys: Set<CaseKey> = [.n, .h, .w, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.rowsShape()
        let elements = Size.elements(shape)
        return PreparedCase(flops: elements, bytes: Size.bytes(2 * elements)) {
            let x = try benchmark.values(shape)
            return { try Operations.softmax(x).sample() }
        }
    }
}
