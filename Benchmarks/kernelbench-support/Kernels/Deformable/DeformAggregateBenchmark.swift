import Protean

/// The core of DCNv3 and DCNv4 (Wang et al., arXiv 2211.05778; Xiong et al., 2401.06197): every
/// group of channels sums its own samples. Displacements are given, normally distributed with a
/// standard deviation of `sigma` pixels (1). Operations are the samples' multiply-adds; computing
/// their positions counts as time, not as operations.
enum DeformAggregateBenchmark: BenchmarkKernel {
    static let name = "deform_aggregate"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .r, .groups]
    static let optionalKeys: Set<CaseKey> = [.n, .stride, .pad, .dilation, .sigma, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let input = try benchmark.inputShape(), groups = try benchmark.integer(.groups)
        let window = try benchmark.windows().height
        let size = try benchmark.outputSize(benchmark.windows())
        guard input[3] % groups == 0 else {
            throw benchmark.error(
                .c, expected: "a multiple of groups=\(groups)", found: "\(input[3])")
        }
        let points = SampledPoints(
            map: [input[0], size.0, size.1], groups: groups, points: window.kernel * window.kernel)
        let sampled = points.samples(of: input[3])
        let outputs = Size.elements(points.map + [input[3]])
        return PreparedCase(
            flops: 8 * sampled,
            bytes: Size.bytes(Size.elements(input), outputs, 3 * points.positions),
            loaded: Sampled.bytes(sampled)
        ) {
            let aggregation = try DeformableAggregation(
                groups: groups, kernelSize: Size2d(window.kernel), stride: Size2d(window.stride),
                padding: Size2d(window.padding), dilation: Size2d(window.dilation))
            let x = try benchmark.values(input)
            let offset = try points.offset(benchmark), mask = try points.mask(benchmark)
            return {
                try Operations.deformAggregate(x, offset: offset, mask: mask, aggregation).sample()
            }
        }
    }
}
