import CProteanKernels

/// All options of a convolution except its weights and its input's size.
public struct Conv2dGeometry: Sendable, Hashable {
    /// Channels of the input.
    public var inputChannels: Int
    /// Channels of the output.
    public var outputChannels: Int
    /// Height and width of the kernel.
    public var kernelSize: Size2d
    /// Step from one output to the next, in input pixels.
    public var stride: Size2d
    /// Zeros around the input.
    public var padding: Padding2d
    /// Distance between neighbouring taps, in input pixels.
    public var dilation: Size2d
    /// Independent groups of channels; both channel counts are multiples of it.
    public var groups: Int
    /// The algorithms that may be used.
    public var algorithm: Conv2dAlgorithm

    /// A checked geometry. `layer` names the caller in errors.
    ///
    /// Kernel size, stride and dilation are in 1...2²⁰, padding is in 0...2²⁰, channels and groups in
    /// 1...2²⁴ (see ``OptionLimits``).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1,
        algorithm: Conv2dAlgorithm = .automatic, layer: String = "Conv2d"
    ) throws(ProteanError) {
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.kernelSize = kernelSize
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.algorithm = algorithm
        try check(layer)
    }

    private func check(_ layer: String) throws(ProteanError) {
        try kernelSize.check(atLeast: 1, layer: layer, option: "kernelSize")
        try stride.check(atLeast: 1, layer: layer, option: "stride")
        try dilation.check(atLeast: 1, layer: layer, option: "dilation")
        try padding.check(layer: layer)
        try checkChannels(groups, "groups", layer: layer)
        for (option, channels) in [
            ("inputChannels", inputChannels), ("outputChannels", outputChannels),
        ] where !(1...OptionLimits.channels).contains(channels) || channels % groups != 0 {
            throw .invalidOption(
                layer: layer, option: option,
                expected: "a multiple of groups = \(groups) in 1...\(OptionLimits.channels)",
                found: "\(channels)")
        }
        _ = try Shape.elementCount(weightShape, layer: layer)
        let suits = kernelSize == 3 && stride == 1 && groups == 1
        guard !algorithm.isWinograd || suits && inputChannels * outputChannels > 1 else {
            throw .invalidOption(
                layer: layer, option: "algorithm",
                expected:
                    "auto or direct, except for 3x3 kernels with stride 1, one group and more "
                    + "than one channel",
                found: algorithm.rawValue)
        }
    }

    /// `[out, in / groups, height, width]`, PyTorch's order.
    public var weightShape: [Int] {
        [outputChannels, inputChannels / groups, kernelSize.height, kernelSize.width]
    }

    /// Whether every group has one input and one output channel.
    var isDepthwise: Bool { groups == inputChannels && groups == outputChannels }

    /// Whether Winograd's forms apply to the active tiles of a mask.
    var suitsTiles: Bool {
        kernelSize == 3 && stride == 1 && dilation == 1 && groups == 1
            && inputChannels * outputChannels > 1
    }

    /// Number of inputs that one output sums over.
    public var fanIn: Int { inputChannels / groups * kernelSize.height * kernelSize.width }

    /// The kernel's view of this geometry for inputs of shape `[n, h, w, c]`, with the current
    /// exactness unless another is given.
    func kernelShape(
        for input: [Int], exactness: Exactness? = nil, layer: String
    ) throws(ProteanError) -> ptn_conv2d_shape {
        try Shape.checkMap(input, channels: inputChannels, pixels: true, layer: layer)
        let pads = margins(for: input)
        var shape = ptn_conv2d_shape()
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
        shape.pad_top = pads.top
        shape.pad_bottom = pads.bottom
        shape.pad_left = pads.left
        shape.pad_right = pads.right
        shape.groups = groups
        if let exactness {
            shape.choice = algorithm.kernelChoice(exactness)
        } else {
            shape.choice = algorithm.kernelChoice(try Runtime.exactness())
        }
        return shape
    }

    /// Zeros on each side of an input of shape `[n, h, w, c]`.
    func margins(
        for input: [Int]
    ) -> (top: Int, bottom: Int, left: Int, right: Int) {
        switch padding {
        case .explicit(let top, let bottom, let left, let right):
            return (top, bottom, left, right)
        case .valid:
            return (0, 0, 0, 0)
        case .same:
            let vertical = Padding2d.same(
                size: input[1], kernel: kernelSize.height, stride: stride.height,
                dilation: dilation.height)
            let horizontal = Padding2d.same(
                size: input[2], kernel: kernelSize.width, stride: stride.width,
                dilation: dilation.width)
            return (vertical.before, vertical.after, horizontal.before, horizontal.after)
        }
    }
}

extension Conv2dGeometry {
    /// How a layer of this geometry changes the number of channels.
    public var channelFlow: ChannelFlow { .fixed(input: inputChannels, output: outputChannels) }
}
