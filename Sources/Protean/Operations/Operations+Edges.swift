import CProteanKernels

extension Operations {
    /// Continues a map beyond its edges with the values that lie there, as PyTorch's
    /// `ReplicationPad2d`.
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
        let layer = "replicatePad"
        try checkMap(x, layer: layer)
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        guard h > 0, w > 0 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "[batch, height, width, channels], not empty",
                found: x.shape)
        }
        try checkCounts(
            [("top", top), ("bottom", bottom), ("left", left), ("right", right)], layer: layer)
        if [top, bottom, left, right] == [0, 0, 0, 0] { return x }
        let height = try sum(top, h, bottom, layer: layer)
        let width = try sum(left, w, right, layer: layer)
        let row = width * c
        return try filling([n, height, width, c], for: layer, from: [x]) { runtime, inputs, y in
            for sample in 0..<n {
                let from = inputs[0] + sample * h * w * c
                let inner = y + (sample * height + top) * row
                // The map itself, then its first and last column.
                var copies = [(from, inner + left * c, w * c)]
                copies += (0..<left).map { (from, inner + $0 * c, c) }
                copies += (0..<right).map { (from + (w - 1) * c, inner + (left + w + $0) * c, c) }
                for (source, target, floats) in copies {
                    let status = ptn_copy_rows(runtime, h, floats, source, w * c, target, row)
                    if status != PTN_OK { return status }
                }
                for i in 0..<top { (inner - (i + 1) * row).update(from: inner, count: row) }
                let last = inner + (h - 1) * row
                for i in 0..<bottom { (last + (i + 1) * row).update(from: last, count: row) }
            }
            return PTN_OK
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
