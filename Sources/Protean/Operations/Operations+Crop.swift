import CProteanKernels

/// Where a rectangle is cut out of a batch of maps.
public struct CropPlace: Sendable, Hashable {
    /// The sample of the batch.
    public var sample: Int
    /// The first row and column; they may be negative or beyond the map.
    public var row, column: Int

    /// The farthest that a row or column may be from 0.
    public static let farthest = Int(PTN_CROP_FARTHEST)

    /// A rectangle of sample `sample` that begins at `row`, `column`.
    public init(sample: Int, row: Int, column: Int) {
        self.sample = sample
        self.row = row
        self.column = column
    }

    var kernelValue: ptn_crop_place { ptn_crop_place(sample: sample, row: row, column: column) }
}

extension Operations {
    /// Rectangles of one size, each cut out of one sample of a batch; zeros outside of the map.
    ///
    /// `y[i, r, q] = x[place.sample, place.row + r, place.column + q]`: an exact copy. Samples may
    /// occur several times or not at all, in any order, so crops of a few rows of a batch need no
    /// gathering of the others. Cost: one read and one write per element of the result.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - places: sample and top left corner of every rectangle.
    ///   - size: height and width of the rectangles, at least 1.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[places.count, size.height, size.width, channels]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` unless `x` is a map,
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for a place whose sample is
    ///   not in the batch or that is farther than ``CropPlace/farthest``.
    public static func crop(
        _ x: Tensor, at places: [CropPlace], size: Size2d, layer: String = "crop"
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: layer)
        try size.check(atLeast: 1, layer: layer, option: "size")
        let farthest = CropPlace.farthest, range = (-farthest)...farthest
        for (index, place) in places.enumerated() {
            guard (0..<x.shape[0]).contains(place.sample), range.contains(place.row),
                range.contains(place.column)
            else {
                throw .invalidOption(
                    layer: layer, option: "places[\(index)]",
                    expected: "a sample in 0..<\(x.shape[0]), row and column in \(range)",
                    found: "sample \(place.sample), row \(place.row), column \(place.column)")
            }
        }
        let shape = [places.count, size.height, size.width, x.shape[3]]
        let list = places.map(\.kernelValue)
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_crop(
                runtime, x.shape[0], x.shape[1], x.shape[2], x.shape[3], list.count, list,
                size.height, size.width, inputs[0], y)
        }
    }
}
