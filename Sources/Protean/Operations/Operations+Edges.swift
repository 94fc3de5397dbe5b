import CProteanKernels

extension Operations {
    /// Extends a map beyond its edges with the edge values, as PyTorch's `ReplicationPad2d`.
    ///
    /// Cost: one read and one write per element.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one pixel.
    ///   - top: rows above, at least 0.
    ///   - bottom: rows below, at least 0.
    ///   - left: columns to the left, at least 0.
    ///   - right: columns to the right, at least 0.
    /// - Returns: `[batch, top + height + bottom, left + width + right, channels]`.
    /// - Throws: ``ProteanError`` when a count is negative or the map has no pixels.
    public static func replicatePad(
        _ x: Tensor, top: Int = 0, bottom: Int = 0, left: Int = 0, right: Int = 0
    ) throws(ProteanError) -> Tensor {
        try edgePad(
            x, PTN_EDGE_REPLICATE, top: top, bottom: bottom, left: left, right: right,
            layer: "replicatePad")
    }

    /// Extends a map beyond its edges with its mirror image, as PyTorch's `ReflectionPad2d`: the
    /// edge itself is not repeated.
    ///
    /// Cost: one read and one write per element.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one pixel.
    ///   - top: rows above, at least 0 and fewer than the map has.
    ///   - bottom: rows below, at least 0 and fewer than the map has.
    ///   - left: columns to the left, at least 0 and fewer than the map has.
    ///   - right: columns to the right, at least 0 and fewer than the map has.
    /// - Returns: `[batch, top + height + bottom, left + width + right, channels]`.
    /// - Throws: ``ProteanError`` when a count is negative or too large, or the map has no pixels.
    public static func reflectPad(
        _ x: Tensor, top: Int = 0, bottom: Int = 0, left: Int = 0, right: Int = 0
    ) throws(ProteanError) -> Tensor {
        let layer = "reflectPad"
        try checkMap(x, pixels: true, layer: layer)
        for (option, count, size) in [
            ("top", top, x.shape[1]), ("bottom", bottom, x.shape[1]), ("left", left, x.shape[2]),
            ("right", right, x.shape[2]),
        ] where count >= size {
            throw .invalidOption(
                layer: layer, option: option,
                expected: "less than the map's \(size) pixels along this axis", found: "\(count)")
        }
        return try edgePad(
            x, PTN_EDGE_REFLECT, top: top, bottom: bottom, left: left, right: right, layer: layer)
    }

    private static func edgePad(
        _ x: Tensor, _ mode: ptn_edge_mode, top: Int, bottom: Int, left: Int, right: Int,
        layer: String
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, pixels: true, layer: layer)
        try checkCounts(
            [("top", top), ("bottom", bottom), ("left", left), ("right", right)], layer: layer)
        if [top, bottom, left, right] == [0, 0, 0, 0] { return x }
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let height = try sum(top, h, bottom, layer: layer)
        let width = try sum(left, w, right, layer: layer)
        var sizes = ptn_edge_sizes(top: top, bottom: bottom, left: left, right: right)
        return try filling([n, height, width, c], for: layer, from: [x]) { runtime, inputs, y in
            ptn_edge_pad(runtime, mode, &sizes, n, h, w, c, inputs[0], y)
        }
    }

    /// A part of a map.
    ///
    /// Cost: one read and one write per element of the result.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - top: the first row of the part.
    ///   - left: its first column.
    ///   - height: its rows, at least 1.
    ///   - width: its columns, at least 1.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless the part lies
    ///   within the map.
    public static func crop(
        _ x: Tensor, top: Int = 0, left: Int = 0, height: Int, width: Int
    ) throws(ProteanError) -> Tensor {
        let layer = "crop"
        try checkMap(x, layer: layer)
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        for (axis, start, count, size) in [
            ("rows", top, height, h), ("columns", left, width, w),
        ] where start < 0 || start >= size || count < 1 || count > size - start {
            throw .invalidOption(
                layer: layer, option: axis, expected: "at least one within 0..<\(size)",
                found: "\(count) from \(start)")
        }
        if height == h, width == w { return x }
        return try filling([n, height, width, c], for: layer, from: [x]) { runtime, inputs, y in
            for sample in 0..<n {
                let status = ptn_copy_rows(
                    runtime, height, width * c, inputs[0] + ((sample * h + top) * w + left) * c,
                    w * c, y + sample * height * width * c, width * c)
                if status != PTN_OK { return status }
            }
            return PTN_OK
        }
    }
}
