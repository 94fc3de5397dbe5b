import Protean

/// Dynamic ReLU, type B (Chen et al., arXiv 2003.10027): slopes and offsets per channel, computed
/// from the pooled map.
enum DynamicReLUBenchmark: BenchmarkKernel {
    static let name = "dynamic_relu"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let map = Size.elements(shape)
        let reduction = min(4, shape[3])
        // c to c / reduction to 4 c.
        let weights = Size.product(5, shape[3], shape[3] / reduction)
        // The pooling's sum, two linear functions with their maximum, and the two small matrix
        // products.
        let flops = 6 * map + 2 * weights * Double(shape[0])
        return PreparedCase(flops: flops, bytes: Size.bytes(2 * map, weights)) {
            let layer = try DynamicReLU(channels: shape[3], reduction: reduction)
            return try benchmark.run(layer, on: shape)
        }
    }
}
