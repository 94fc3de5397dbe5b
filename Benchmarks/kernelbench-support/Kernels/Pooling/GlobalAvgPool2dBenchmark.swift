import Protean

/// The mean of each channel.
enum GlobalAvgPool2dBenchmark: BenchmarkKernel {
    static let name = "global_avg_pool2d"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let inputs = Size.elements(shape)
        let bytes = Size.bytes(inputs, Size.product(shape[0], shape[3]))
        return PreparedCase(flops: inputs, bytes: bytes) {
            let x = try benchmark.values(shape)
            return { try Operations.globalAveragePool(x).sample() }
        }
    }
}
