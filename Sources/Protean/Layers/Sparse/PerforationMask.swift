/// The outputs of a perforated convolution that are computed; see ``PerforatedConv2d``.
///
/// A `rate` is the share of outputs that are computed, above 0 and at most 1; at least one is.
public enum PerforationMask: Sendable {
    /// ⌊rate · height · width⌋ outputs at random, drawn from `seed` (SplitMix64).
    case uniform(rate: Double, seed: UInt64 = 0)
    /// A lattice of ⌊height · √rate⌋ × ⌊width · √rate⌋ outputs: row i of n is ⌈height / n · (i + u)⌉,
    /// counted from 1, with one u in (0, 1] drawn from `seed` per axis.
    case grid(rate: Double, seed: UInt64 = 0)
    /// The outputs that the most windows of the following pooling layer cover; ties go to the first
    /// in row-major order.
    case poolingStructure(rate: Double, window: PoolWindow)
    /// The outputs with the highest scores `[height, width]`, such as the mean of Σ |y · ∂loss/∂y|
    /// over channels and data; ties go to the first in row-major order.
    case impact(rate: Double, scores: Tensor)
    /// The outputs where a map `[height, width]` is not 0.
    case given(Tensor)

    private static let layer = "PerforatedConv2d"

    func check() throws(ProteanError) {
        let rate: Double
        switch self {
        case .uniform(let share, _), .grid(let share, _): rate = share
        case .poolingStructure(let share, let window):
            rate = share
            try window.check(layer: Self.layer)
            let sizes = [window.kernelSize, window.stride, window.dilation]
            guard sizes.allSatisfy({ max($0.height, $0.width) <= 4096 }) else {
                throw .invalidOption(
                    layer: Self.layer, option: "window", expected: "sizes of at most 4096",
                    found: "\(window)")
            }
        case .impact(let share, let scores):
            rate = share
            try Self.check(scores, "scores")
        case .given(let mask):
            rate = 1
            try Self.check(mask, "mask")
        }
        guard rate > 0, rate <= 1 else {
            throw .invalidOption(
                layer: Self.layer, option: "rate", expected: "above 0 and at most 1",
                found: "\(rate)")
        }
    }

    private static func check(_ map: Tensor, _ name: String) throws(ProteanError) {
        guard map.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "[height, width]", found: map.shape)
        }
        guard !map.isShapeOnly else { throw .noValues(layer: layer) }
    }

    /// The mask for outputs of a size, without batch.
    func plan(for size: Size2d, layer: String) throws(ProteanError) -> MaskPlan {
        let shape = [1, size.height, size.width, 1]
        try Memory.check(
            try Shape.elementCount(shape, layer: layer), of: Float.self, layer: layer)
        switch self {
        case .uniform(let rate, let seed):
            return try MaskPlan(
                highest: Self.count(rate, size),
                of: Initializer.uniform(shape, in: 0...1, seed: seed))
        case .grid(let rate, let seed):
            return try Self.lattice(rate, seed, size)
        case .poolingStructure(let rate, let window):
            let scores = Self.coverage(window, size)
            return try MaskPlan(highest: Self.count(rate, size), of: Tensor(scores, shape: shape))
        case .impact(let rate, let scores):
            return try MaskPlan(
                highest: Self.count(rate, size), of: Self.fitted(scores, "scores", size, layer))
        case .given(let mask):
            return try MaskPlan(Self.fitted(mask, "mask", size, layer))
        }
    }

    private static func fitted(
        _ map: Tensor, _ name: String, _ size: Size2d, _ layer: String
    ) throws(ProteanError) -> Tensor {
        guard map.shape == [size.height, size.width] else {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\([size.height, size.width])",
                found: map.shape)
        }
        return try map.reshaped(to: [1, size.height, size.width, 1])
    }

    private static func count(_ rate: Double, _ size: Size2d) -> Int {
        max(1, Int(rate * Double(size.height * size.width)))
    }

    private static func lattice(
        _ rate: Double, _ seed: UInt64, _ size: Size2d
    ) throws(ProteanError) -> MaskPlan {
        var generator = SplitMix64(seed: seed)
        func line(_ length: Int) -> [Int] {
            let points = max(1, Int(Double(length) * rate.squareRoot()))
            let shift = (Double(generator.next() >> 11) + 1) * 0x1p-53
            return (0..<points).map {
                let place = Double(length) / Double(points) * (Double($0) + shift)
                return min(length, Int(place.rounded(.up))) - 1
            }
        }
        let rows = line(size.height), columns = line(size.width)
        var bytes = [UInt8](repeating: 0, count: size.height * size.width)
        for row in rows {
            for column in columns { bytes[row * size.width + column] = 1 }
        }
        return try MaskPlan(bytes: bytes, size: size)
    }

    /// Number of windows that cover each pixel.
    private static func coverage(_ window: PoolWindow, _ size: Size2d) -> [Float] {
        func line(_ length: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int)
            -> [Float]
        {
            var covered = [Float](repeating: 0, count: length)
            let extent = (kernel - 1) * dilation + 1
            let room = length + 2 * padding - extent
            guard room >= 0 else { return covered }
            for start in Swift.stride(from: 0, through: room, by: stride) {
                for tap in 0..<kernel {
                    let place = start + tap * dilation - padding
                    if covered.indices.contains(place) { covered[place] += 1 }
                }
            }
            return covered
        }
        let rows = line(
            size.height, window.kernelSize.height, window.stride.height, window.padding.height,
            window.dilation.height)
        let columns = line(
            size.width, window.kernelSize.width, window.stride.width, window.padding.width,
            window.dilation.width)
        return rows.flatMap { row in columns.map { row * $0 } }
    }
}
