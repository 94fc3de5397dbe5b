import CProteanKernels

extension MaskPlan {
    /// The input pixels that a convolution reads for the active outputs of this plan, for any
    /// kernel, stride, dilation and padding: the pixels that earlier layers have to compute.
    ///
    /// `input` is the height and width of the convolution's input.
    /// - Throws: ``ProteanError`` when the convolution's output of such an input is not of this
    ///   plan's size.
    public func dilated(
        for geometry: Conv2dGeometry, input: Size2d
    ) throws(ProteanError) -> MaskPlan {
        var shape = try geometry.kernelShape(
            for: [batch, input.height, input.width, geometry.inputChannels], layer: "MaskPlan")
        let output = try geometry.outputSize(shape, layer: "MaskPlan")
        guard output == size else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "mask",
                expected: "\([batch, output.height, output.width])",
                found: [batch, size.height, size.width])
        }
        return try derive { ptn_mask_plan_dilate($0, kernelPlan, &shape, $1) }
    }

    /// The output pixels of a convolution that read an active pixel of this plan: those that change
    /// when these inputs change.
    ///
    /// - Throws: ``ProteanError`` when the convolution has no output for this plan's size.
    public func affected(by geometry: Conv2dGeometry) throws(ProteanError) -> MaskPlan {
        var shape = try geometry.kernelShape(
            for: [batch, size.height, size.width, geometry.inputChannels], layer: "MaskPlan")
        _ = try geometry.outputSize(shape, layer: "MaskPlan")
        return try derive { ptn_mask_plan_affected($0, kernelPlan, &shape, $1) }
    }

    /// The pixels of all `side` × `side` cells that hold an active pixel, counted from the first pixel.
    func cells(of side: Int) throws(ProteanError) -> MaskPlan {
        guard pixelCount > 0 else { return self }
        let below = (side - size.height % side) % side, right = (side - size.width % side) % side
        let grid = try Conv2dGeometry(
            inputChannels: 1, outputChannels: 1, kernelSize: Size2d(side), stride: Size2d(side),
            padding: .explicit(top: 0, bottom: below, left: 0, right: right))
        return try affected(by: grid).dilated(for: grid, input: size)
    }
}
