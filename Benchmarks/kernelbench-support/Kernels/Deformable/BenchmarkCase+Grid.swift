import Protean

extension BenchmarkCase {
    /// A map or volume sampled at as many random positions as it has pixels.
    func grid(on input: [Int], mode: GridMode) throws(CaseError) -> PreparedCase {
        let axes = input.count - 2, elements = Size.elements(input)
        // Number of values that are combined into one sample.
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
