import Protean

/// The last step of dynamic ReLU, type B, with given coefficients: one read and one write of the map.
enum DynamicReLUApplyBenchmark: BenchmarkKernel {
    static let name = "dynamic_relu_apply"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let map = Size.elements(shape)
        let coefficients = Size.product(4, shape[0], shape[3])
        // Two linear functions and their maximum.
        return PreparedCase(flops: 5 * map, bytes: Size.bytes(2 * map, coefficients)) {
            let x = try benchmark.values(shape)
            let k = try benchmark.values([shape[0], 4, shape[3]], stream: 1)
            return { try Operations.dynamicReLU(x, coefficients: k).sample() }
        }
    }
}
