import Protean

/// Squeeze and excitation (Hu et al., arXiv 1709.01507): a gate per channel, computed from the
/// pooled map. `k` is the squeezed count; the default is a quarter of the channels.
enum SqueezeExcitationBenchmark: BenchmarkKernel {
    static let name = "squeeze_excitation"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .k, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let channels = shape[3]
        let squeezed = try benchmark.integer(.k, default: max(1, channels / 4))
        let map = Size.elements(shape)
        let weights = 2 * Size.product(channels, squeezed)
        // The pooling's sum, the product with the gate, and the two small matrix products.
        let flops = 2 * map + 2 * weights * Double(shape[0])
        return PreparedCase(flops: flops, bytes: Size.bytes(2 * map, weights)) {
            let layer = try SqueezeExcitation(channels: channels, squeezeChannels: squeezed)
            return try benchmark.run(layer, on: shape)
        }
    }
}
