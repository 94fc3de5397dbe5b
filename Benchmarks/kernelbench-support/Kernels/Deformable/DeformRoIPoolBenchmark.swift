import Protean

/// Pooling of `boxes` random boxes into r × r displaced bins of 2 × 2 samples (Dai et al., arXiv
/// 1703.06211).
enum DeformRoIPoolBenchmark: BenchmarkKernel {
    static let name = "deform_roi_pool"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .r, .boxes]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let input = try benchmark.inputShape(), boxes = try benchmark.integer(.boxes)
        let bins = try benchmark.integer(.r), output = [boxes, bins, bins, input[3]]
        let sampled = 4 * Size.elements(output)
        let places = Size.product(boxes, 5 + 2 * bins * bins)
        return PreparedCase(
            flops: 8 * sampled,
            bytes: Size.bytes(Size.elements(input), Size.elements(output), places),
            loaded: Sampled.bytes(sampled)
        ) {
            let pool = try DeformRoIPool(size: Size2d(bins), samplingRatio: 2)
            let x = try benchmark.values(input), corners = try benchmark.boxes(boxes, on: input)
            let offset = try benchmark.values([boxes, bins, bins, 2], stream: 2)
            return { try pool(x, boxes: corners, offset: offset).sample() }
        }
    }
}
