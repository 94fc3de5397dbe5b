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

/// A map sampled at as many random positions as it has pixels; `algorithm` is `bilinear` (the
/// default), `nearest` or `bicubic`.
enum GridSampleBenchmark: BenchmarkKernel {
    static let name = "grid_sample"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let name = try benchmark.word(.algorithm, of: GridMode.allCases.map(\.rawValue))
        return try benchmark.grid(
            on: benchmark.inputShape(), mode: GridMode(rawValue: name ?? "") ?? .bilinear)
    }
}

/// A volume sampled at as many random positions as it has voxels; `algorithm` is `bilinear` (the
/// default), of eight voxels, or `nearest`.
enum GridVolumeBenchmark: BenchmarkKernel {
    static let name = "grid_sample_volume"
    static let requiredKeys: Set<CaseKey> = [.d, .h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let name = try benchmark.word(.algorithm, of: ["bilinear", "nearest"])
        var shape = try benchmark.inputShape()
        shape.insert(try benchmark.integer(.d), at: 1)
        return try benchmark.grid(on: shape, mode: GridMode(rawValue: name ?? "") ?? .bilinear)
    }
}

extension BenchmarkCase {
    fileprivate func grid(on input: [Int], mode: GridMode) throws(CaseError) -> PreparedCase {
        let axes = input.count - 2, elements = Size.elements(input)
        // Values that are blended for one.
        let neighbours: Double =
            switch mode {
            case .bilinear: axes == 3 ? 8 : 4
            case .bicubic: 16
            case .nearest: 0
            }
        let positions = Array(input.dropLast()) + [axes]
        return PreparedCase(
            flops: 2 * neighbours * elements,
            bytes: Size.bytes(2 * elements, Size.elements(positions)),
            loaded: Size.bytes(neighbours * elements)
        ) {
            let x = try values(input), grid = try values(positions, stream: 1)
            return { try Operations.gridSample(x, grid: grid, mode: mode).sample() }
        }
    }

    /// Random boxes, `[count, 5]`, within a map.
    func boxes(_ count: Int, on input: [Int]) throws -> Tensor {
        let random = try values([count, 5], stream: 1).elements.map { ($0 + 1) / 2 }
        let sizes = [Float(input[2]), Float(input[1])]
        let boxes = (0..<count).flatMap { index -> [Float] in
            let places = (0..<2).map { axis in
                (random[5 * index + 1 + axis], random[5 * index + 3 + axis])
            }
            let low = zip(places, sizes).map { min($0.0, $0.1) * $1 }
            let high = zip(places, sizes).map { max($0.0, $0.1) * $1 }
            return [(random[5 * index] * Float(input[0])).rounded(.down)] + low + high
        }
        return try Tensor(boxes, shape: [count, 5])
    }
}
