import Protean

/// The mixing of `experts` kernels `[k, c, r, r]` for `n` samples, without a convolution. Bytes are
/// those of the experts, read once, and of the mixtures, written once: compare with `copy`.
enum ExpertMixBenchmark: BenchmarkKernel {
    static let name = "expert_mix"
    static let requiredKeys: Set<CaseKey> = [.c, .k, .r, .experts]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let (batch, experts) = (try benchmark.batch(), try benchmark.integer(.experts))
        let side = try benchmark.integer(.r)
        let kernel = [try benchmark.integer(.k), try benchmark.integer(.c), side, side]
        let weights = Size.elements(kernel)
        return PreparedCase(
            flops: 2 * weights * Size.product(batch, experts),
            bytes: Size.bytes(weights * Double(experts + batch))
        ) {
            let all = try benchmark.values([experts] + kernel)
            let routing = try benchmark.values([batch, experts], stream: 1)
            return { try Operations.mixExperts(all, routing: routing).sample() }
        }
    }
}
