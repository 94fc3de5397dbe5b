import Protean

extension Image {
    /// The pixels as numbers 0...255, `[1, height, width, channels]`.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func tensor() throws(ProteanError) -> Tensor {
        try Tensor(pixels.lazy.map(Float.init), shape: [1, height, width, channels])
    }

    /// An image of numbers 0...255, `[1, height, width, 1 or 3]`, rounded to the nearest 8-bit value
    /// (halves to even) and limited to that range; NaN becomes 0.
    ///
    /// - Throws: ``ProteanError`` for other shapes and tensors without values.
    public init(_ tensor: Tensor) throws(ProteanError) {
        guard tensor.rank == 4, tensor.shape[0] == 1, [1, 3].contains(tensor.shape[3]) else {
            throw .shapeMismatch(
                layer: "Image", tensor: "tensor", expected: "[1, height, width, 1 or 3]",
                found: tensor.shape)
        }
        guard !tensor.isShapeOnly else { throw .noValues(layer: "Image") }
        let pixels = tensor.elements.map { value in
            UInt8(max(0, min(255, value.isNaN ? 0 : value.rounded(.toNearestOrEven))))
        }
        try self.init(
            width: tensor.shape[2], height: tensor.shape[1], channels: tensor.shape[3],
            pixels: pixels)
    }
}
