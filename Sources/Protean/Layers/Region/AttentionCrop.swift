import Foundation

/// Cuts a soft square out of each sample and enlarges it: the attention crop of RA-CNN.
///
/// A place (t₀, t₁, l) is a centre's row and column and half the square's side, in pixels. With n the
/// map's side, l is at least n / 3, and the centre is moved so that the square lies inside where it
/// can. Rows ⌊t₀ − l⌋ up to ⌊t₀ + l⌋ and the columns likewise are multiplied by the mask
/// `(σ(i − first) − σ(i − end)) · (the same for columns)` with `σ(v) = 1 / (1 + e^(−10 v))`, and
/// resized bilinearly with aligned corners. Fu, Zheng, Mei, "Look Closer to See Better: Recurrent
/// Attention Convolutional Neural Network for Fine-grained Image Recognition", CVPR 2017, as
/// jeong-tae/RACNN-pytorch computes it (which names t₀ `tx`). Input `[batch, n, n, channels]` and
/// `[batch, 3]`, output `[batch, size.height, size.width, channels]`. A number that is NaN counts as
/// its lowest allowed value.
public struct AttentionCrop: Module {
    /// Height and width of the result.
    public let size: Size2d

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a size below 1.
    public init(size: Size2d) throws(ProteanError) {
        try size.check(atLeast: 1, layer: "AttentionCrop", option: "size")
        self.size = size
    }

    /// The enlarged squares.
    ///
    /// - Throws: ``ProteanError`` when shapes do not fit or maps are not square.
    public func callAsFunction(_ x: Tensor, places: Tensor) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, pixels: true, layer: "AttentionCrop")
        guard x.shape[1] == x.shape[2] else {
            throw .shapeMismatch(
                layer: "AttentionCrop", tensor: "x", expected: "square maps", found: x.shape)
        }
        guard places.shape == [x.shape[0], 3] else {
            throw .shapeMismatch(
                layer: "AttentionCrop", tensor: "places", expected: "[\(x.shape[0]), 3]",
                found: places.shape)
        }
        return try traced("AttentionCrop", path: nil, input: x, cost: { cost($0) }) {
            () throws(ProteanError) in
            let shape = [x.shape[0], size.height, size.width, x.shape[3]]
            guard !x.isShapeOnly, !places.isShapeOnly else { return try Tensor(shapeOnly: shape) }
            guard x.shape[0] > 0 else { return try Tensor(zeros: shape) }
            return try Trace.pausing { () throws(ProteanError) in try cut(x, places) }
        }
    }

    private func cut(_ x: Tensor, _ places: Tensor) throws(ProteanError) -> Tensor {
        let values = places.elements
        var squares: [Tensor] = [], regions: [[GlimpseRecord.Glimpse]] = []
        for sample in 0..<x.shape[0] {
            let square = Square(
                values[3 * sample..<3 * sample + 3].map(Double.init), of: x.shape[1])
            let extent = Size2d(height: square.rows.count, width: square.columns.count)
            let part = try Operations.crop(
                x,
                at: [
                    CropPlace(
                        sample: sample, row: square.rows.lowerBound,
                        column: square.columns.lowerBound)
                ], size: extent, layer: "AttentionCrop")
            let masked = try Operations.multiply(part, try square.mask())
            squares.append(
                try Operations.resize(masked, to: size, mode: .bilinear(alignCorners: true)))
            regions.append([
                GlimpseRecord.Glimpse(
                    row: square.rows.lowerBound, column: square.columns.lowerBound, size: extent)
            ])
        }
        GlimpseRecord.current?.append(layer: "AttentionCrop", shape: x.shape, regions)
        return squares.count == 1 ? squares[0] : try Operations.concatenate(squares, axis: 0)
    }

    /// Four multiply-adds for each enlarged value.
    private func cost(_ y: Tensor) -> Cost {
        Cost(multiplyAdds: 4 * y.count, bytes: 2 * y.count * MemoryLayout<Float>.stride)
    }

    /// The rows and columns of one place.
    private struct Square {
        let rows, columns: Range<Int>

        init(_ place: [Double], of side: Int) {
            let n = Double(side)
            let half = place[2] > n / 3 ? min(place[2], 2 * n) : n / 3
            rows = Self.range(place[0], half, side)
            columns = Self.range(place[1], half, side)
        }

        private static func range(_ centre: Double, _ half: Double, _ side: Int) -> Range<Int> {
            let n = Double(side)
            var middle = centre > half ? centre : half
            middle = middle < n - half ? middle : n - half
            let first = max(0, Int(middle - half))
            let end = middle + half < n ? Int(middle + half) : side
            return first..<max(end, first + 1)
        }

        /// `[1, rows, columns, 1]`.
        func mask() throws(ProteanError) -> Tensor {
            let vertical = try Tensor(Self.profile(rows), shape: [1, rows.count, 1, 1])
            let horizontal = try Tensor(Self.profile(columns), shape: [1, 1, columns.count, 1])
            return try Operations.multiply(vertical, horizontal)
        }

        private static func profile(_ range: Range<Int>) -> [Float] {
            func step(_ distance: Int) -> Float { 1 / (1 + exp(-10 * Float(distance))) }
            return range.map { step($0 - range.lowerBound) - step($0 - range.upperBound) }
        }
    }
}
