/// Masks that are decided on a coarse grid.
enum CoarseMask {
    /// ⌈input / stride⌉ per axis: the output of a convolution with kernel size 3 and padding 1.
    static func output(of input: Size2d, stride: Int) -> Size2d {
        Size2d(height: (input.height - 1) / stride + 1, width: (input.width - 1) / stride + 1)
    }

    /// Each pixel takes the mask of the cell in which it lies, `torch`'s nearest interpolation.
    static func resized(_ mask: MaskPlan, to size: Size2d) throws(ProteanError) -> MaskPlan {
        if mask.size == size { return mask }
        return try MaskPlan(try Operations.resize(mask.mask(), to: size, mode: .nearest))
    }

    static func checkMap(_ x: Tensor, _ channels: Int, layer: String) throws(ProteanError) {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: layer)
        guard !x.isShapeOnly else { throw .noValues(layer: layer) }
    }

    static func check(_ option: String, _ value: Int, layer: String) throws(ProteanError) {
        try checkOption(value, option, in: 1...OptionLimits.length, layer: layer)
    }
}
