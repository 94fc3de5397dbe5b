import CProteanKernels

/// Means and maxima of a map along each of its axes, planes of means first.
public struct AxisStatistics: Sendable {
    /// Over the channels, `[batch, 2, height, width]`.
    public var pixels: Tensor
    /// Over the width, `[batch, 2, height, channels]`.
    public var rows: Tensor
    /// Over the height, `[batch, 2, width, channels]`.
    public var columns: Tensor
}

extension Operations {
    /// The mean and the maximum over the channels of every pixel, in one read of the map.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one channel.
    ///   - gates: `[batch, channels]`, by which x is multiplied first, or nil.
    /// - Returns: `[batch, 2, height, width]`: a plane of means, then one of maxima, which are NaN
    ///   where a channel is.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public static func pixelStatistics(
        _ x: Tensor, gates: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "pixelStatistics")
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        try checkChannelsExist(x, layer: "pixelStatistics")
        if let gates, gates.shape != [n, c] {
            throw .shapeMismatch(
                layer: "pixelStatistics", tensor: "gates", expected: "\([n, c])",
                found: gates.shape)
        }
        let inputs = [x] + (gates.map { [$0] } ?? [])
        return try filling([n, 2, h, w], for: "pixelStatistics", from: inputs) {
            runtime, inputs, y in
            ptn_pixel_statistics(
                runtime, n, h * w, c, inputs[0], inputs.count > 1 ? inputs[1] : nil, y)
        }
    }

    /// The mean of every channel over the width, for each row, and over the height, for each
    /// column, in one read of the map: the strips of coordinate attention.
    ///
    /// - Parameter x: `[batch, height, width, channels]`, at least one pixel.
    /// - Returns: `[batch, height + width, 1, channels]`: the rows from the top, then the columns
    ///   from the left.
    /// - Throws: ``ProteanError`` when `x` is not a map or has no pixels.
    public static func stripMeans(_ x: Tensor) throws(ProteanError) -> Tensor {
        try checkMap(x, pixels: true, layer: "stripMeans")
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        return try filling([n, h + w, 1, c], for: "stripMeans", from: [x]) { runtime, inputs, y in
            var strips = ptn_strips()
            strips.rows = y
            strips.columns = y + h * c
            strips.rows_stride = (h + w) * c
            strips.columns_stride = (h + w) * c
            return ptn_strip_statistics(runtime, n, h, w, c, inputs[0], &strips)
        }
    }

    /// Means and maxima over the channels, over the width and over the height, in one read of the
    /// map.
    ///
    /// - Parameter x: `[batch, height, width, channels]`, at least one pixel and one channel.
    /// - Returns: two planes for each axis.
    /// - Throws: ``ProteanError`` when `x` is not a map or is empty.
    public static func axisStatistics(_ x: Tensor) throws(ProteanError) -> AxisStatistics {
        try checkMap(x, pixels: true, layer: "axisStatistics")
        try checkChannelsExist(x, layer: "axisStatistics")
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let shapes = [[n, 2, h, w], [n, 2, h, c], [n, 2, w, c]]
        guard !x.isShapeOnly else {
            return AxisStatistics(
                pixels: try Tensor(shapeOnly: shapes[0]), rows: try Tensor(shapeOnly: shapes[1]),
                columns: try Tensor(shapeOnly: shapes[2]))
        }
        let rows = try Tensor(uninitialized: shapes[1], for: "axisStatistics")
        let columns = try Tensor(uninitialized: shapes[2], for: "axisStatistics")
        guard let rowMemory = rows.storage?.base, let columnMemory = columns.storage?.base else {
            throw .noValues(layer: "axisStatistics")
        }
        let pixels = try withExtendedLifetime((rows, columns)) { () throws(ProteanError) in
            try filling(shapes[0], for: "axisStatistics", from: [x]) { runtime, inputs, y in
                var strips = ptn_strips()
                strips.rows = rowMemory
                strips.columns = columnMemory
                strips.rows_stride = 2 * h * c
                strips.columns_stride = 2 * w * c
                strips.largest_rows = rowMemory + h * c
                strips.largest_columns = columnMemory + w * c
                strips.pixels = y
                return ptn_strip_statistics(runtime, n, h, w, c, inputs[0], &strips)
            }
        }
        return AxisStatistics(pixels: pixels, rows: rows, columns: columns)
    }

    private static func checkChannelsExist(_ x: Tensor, layer: String) throws(ProteanError) {
        guard x.shape[3] > 0 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "at least one channel", found: x.shape)
        }
    }
}
