import Protean

/// Batch normalisation with stored statistics.
enum BatchNorm2dBenchmark: BenchmarkKernel {
    static let name = "batch_norm2d"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let elements = Size.elements(shape)
        return PreparedCase(flops: 2 * elements, bytes: Size.bytes(2 * elements)) {
            let layer = try BatchNorm2d(channels: shape[3])
            return try benchmark.run(layer, on: shape)
        }
    }
}
