import Protean

/// Upsampling by a whole factor; `algorithm` is `bilinear` (the default) or `nearest`.
enum ResizeBenchmark: BenchmarkKernel {
    static let name = "resize"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .up]
    static let optionalKeys: Set<CaseKey> = [.n, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let up = try benchmark.integer(.up)
        let nearest = try benchmark.word(.algorithm, of: ["bilinear", "nearest"]) == "nearest"
        let inputs = Size.elements(shape)
        let outputs = inputs * Size.product(up, up)
        // Three interpolations between two values; nearest has no operations.
        let flops = nearest ? 0 : 6 * outputs
        return PreparedCase(flops: flops, bytes: Size.bytes(inputs, outputs)) {
            let x = try benchmark.values(shape)
            let size = Size2d(height: shape[1] * up, width: shape[2] * up)
            let mode: ResizeMode = nearest ? .nearest : .bilinear(alignCorners: false)
            return { try Operations.resize(x, to: size, mode: mode).sample() }
        }
    }
}
