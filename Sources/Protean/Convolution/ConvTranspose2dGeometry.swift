import CProteanKernels

/// All options of a transposed convolution except its weights and its input's size.
public struct ConvTranspose2dGeometry: Sendable, Hashable {
    /// Channels of the input.
    public let inputChannels: Int
    /// Channels of the output.
    public let outputChannels: Int
    /// Height and width of the kernel.
    public let kernelSize: Size2d
    /// Output pixels from one input pixel to the next.
    public let stride: Size2d
    /// Rows and columns that are left out on each side of the full result.
    public let padding: Size2d
    /// Rows and columns added at the bottom and right.
    public let outputPadding: Size2d
    /// Distance between neighbouring taps, in output pixels.
    public let dilation: Size2d
    /// Independent groups of channels; both channel counts are multiples of it.
    public let groups: Int

    /// A checked geometry. `layer` names the caller in errors.
    ///
    /// Kernel size, stride and dilation are in 1...2²⁰, padding is in 0...2²⁰, channels and groups in
    /// 1...2²⁴ (see ``OptionLimits``); output padding is less than the stride or the dilation along its
    /// axis.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Size2d = 0, outputPadding: Size2d = 0, dilation: Size2d = 1, groups: Int = 1,
        layer: String = "ConvTranspose2d"
    ) throws(ProteanError) {
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.kernelSize = kernelSize
        self.stride = stride
        self.padding = padding
        self.outputPadding = outputPadding
        self.dilation = dilation
        self.groups = groups
        // The same rules for channels, kernel and groups.
        _ = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, dilation: dilation, groups: groups, layer: layer)
        try padding.check(atLeast: 0, layer: layer, option: "padding")
        try outputPadding.check(atLeast: 0, layer: layer, option: "outputPadding")
        let most = Size2d(
            height: max(stride.height, dilation.height), width: max(stride.width, dilation.width))
        guard outputPadding.height < most.height, outputPadding.width < most.width else {
            throw .invalidOption(
                layer: layer, option: "outputPadding",
                expected: "less than the stride \(stride) or the dilation \(dilation)",
                found: "\(outputPadding)")
        }
    }

    /// `[in, out / groups, height, width]`, PyTorch's order.
    public var weightShape: [Int] {
        [inputChannels, outputChannels / groups, kernelSize.height, kernelSize.width]
    }

    /// Products per input pixel of one input channel.
    var fanOut: Int { outputChannels / groups * kernelSize.height * kernelSize.width }

    /// Multiply-adds of every pixel of an input `[n, h, w, c]` with every tap.
    func multiplyAdds(for input: [Int]) -> Int {
        let (sum, overflow) = input.reduce(1, *).multipliedReportingOverflow(by: fanOut)
        return overflow ? .max : sum
    }

    /// `[n, height', width', out]` for an input `[n, h, w, c]`:
    /// `height' = (h − 1) · stride − 2 · padding + dilation · (kernel − 1) + outputPadding + 1`.
    ///
    /// `size` replaces height' and width': any size from which a convolution of this geometry gives
    /// the input's size, that is, from the size without output padding to stride − 1 more.
    /// - Throws: ``ProteanError`` when the input or the size does not fit or the output would be
    ///   empty.
    public func outputShape(
        for input: [Int], size: Size2d? = nil, layer: String = "ConvTranspose2d"
    ) throws(ProteanError) -> [Int] {
        try Shape.checkMap(input, channels: inputChannels, pixels: true, layer: layer)
        let smallest = Size2d(
            height: try smallestSize(input[1], \.height, layer: layer),
            width: try smallestSize(input[2], \.width, layer: layer))
        var output = Size2d(
            height: smallest.height + outputPadding.height,
            width: smallest.width + outputPadding.width)
        if let size {
            let most = Size2d(
                height: smallest.height + stride.height - 1,
                width: smallest.width + stride.width - 1)
            guard (smallest.height...most.height).contains(size.height),
                (smallest.width...most.width).contains(size.width)
            else {
                throw .invalidOption(
                    layer: layer, option: "outputSize",
                    expected: "\(smallest) to \(most) for an input of \(input)", found: "\(size)")
            }
            output = size
        }
        guard output.height >= 1, output.width >= 1 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "an image that padding \(padding) leaves something of", found: input)
        }
        return [input[0], output.height, output.width, outputChannels]
    }

    private func smallestSize(
        _ input: Int, _ axis: KeyPath<Size2d, Int>, layer: String
    ) throws(ProteanError) -> Int {
        let reach = dilation[keyPath: axis] * (kernelSize[keyPath: axis] - 1) + 1
        let (steps, overflow) = (input - 1).multipliedReportingOverflow(by: stride[keyPath: axis])
        // Leaves room for the terms of at most 2⁴¹ that are added.
        guard !overflow, steps < Int.max / 2 else {
            throw .sizeOverflow(layer: layer, what: "the output's size")
        }
        return steps - 2 * padding[keyPath: axis] + reach
    }

    /// The kernel's view of this geometry for an input and an output, `[n, h, w, c]` each.
    func kernelShape(input: [Int], output: [Int]) -> ptn_conv_transpose2d_shape {
        var shape = ptn_conv_transpose2d_shape()
        shape.n = input[0]
        shape.h = input[1]
        shape.w = input[2]
        shape.c = inputChannels
        shape.k = outputChannels
        shape.kh = kernelSize.height
        shape.kw = kernelSize.width
        shape.stride_h = stride.height
        shape.stride_w = stride.width
        shape.dilation_h = dilation.height
        shape.dilation_w = dilation.width
        shape.pad_top = padding.height
        shape.pad_left = padding.width
        shape.out_h = output[1]
        shape.out_w = output[2]
        shape.groups = groups
        return shape
    }

    /// With stride 1, the ordinary convolution with mirrored taps that gives the same output; nil
    /// for other strides and where that convolution would have to crop the input.
    func mirrored(input: [Int], output: [Int], layer: String) throws(ProteanError)
        -> Conv2dGeometry?
    {
        guard stride == 1 else { return nil }
        let top = dilation.height * (kernelSize.height - 1) - padding.height
        let left = dilation.width * (kernelSize.width - 1) - padding.width
        let reach = Size2d(
            height: dilation.height * (kernelSize.height - 1),
            width: dilation.width * (kernelSize.width - 1))
        let bottom = output[1] + reach.height - input[1] - top
        let right = output[2] + reach.width - input[2] - left
        guard min(top, left, bottom, right) >= 0,
            max(top, left, bottom, right) <= OptionLimits.length
        else { return nil }
        return try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            padding: .explicit(top: top, bottom: bottom, left: left, right: right),
            dilation: dilation, groups: groups, layer: layer)
    }
}
