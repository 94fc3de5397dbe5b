/// Shape arithmetic that reports overflow: shapes come from files and users.
enum Shape {
    /// The number of elements, or an error when a size is negative or the bytes of a Float32
    /// tensor would not fit the address space.
    static func elementCount(_ shape: [Int], layer: String) throws(ProteanError) -> Int {
        var count = 1
        var hasZero = false
        for size in shape {
            guard size >= 0 else {
                throw .shapeMismatch(
                    layer: layer, tensor: "shape", expected: "sizes of at least 0", found: shape)
            }
            if size == 0 { hasZero = true; continue }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= Int.max / MemoryLayout<Float>.stride else {
                throw .sizeOverflow(layer: layer, what: "a tensor of shape \(shape)")
            }
            count = product
        }
        return hasZero ? 0 : count
    }

    /// Throws unless `shape` is a map of `channels`, with at least one pixel if `pixels` is true.
    static func checkMap(
        _ shape: [Int], channels: Int, pixels: Bool = false, layer: String
    ) throws(ProteanError) {
        guard shape.count == 4, shape[3] == channels, !pixels || (shape[1] > 0 && shape[2] > 0)
        else {
            throw mismatch(
                shape, channels: channels, expected: "[batch, height, width, \(channels)]",
                layer: layer)
        }
    }

    /// The error for an input that is not a map of `channels`. If the channels are the second axis,
    /// it names the likely cause: PyTorch's maps are NCHW.
    static func mismatch(
        _ shape: [Int], channels: Int, expected: String, layer: String
    ) -> ProteanError {
        let isNCHW = shape.count == 4 && shape[1] == channels && shape[3] != channels
        let hint =
            "; this looks like NCHW, maps are NHWC here: convert it by `nchwToNHWC()`"
        return .shapeMismatch(
            layer: layer, tensor: "x", expected: expected + (isNCHW ? hint : ""), found: shape)
    }
}
