/// Transposed pixel-adaptive convolution: guided upsampling.
///
/// `y[n] = Σ_{p,c} weight[c, :, p] · K_p(n) · x↑[n + p, c] + bias`, where x↑ is x with stride − 1
/// zeros between its pixels, padded by dilation · (kernel − 1) − padding; factors K as in
/// ``PixelAdaptiveConv2d``, from a guide of the *output's* size. Su et al., "Pixel-Adaptive
/// Convolutional Neural Networks", arXiv 1904.05373; options and names as `PacConvTranspose2d` of
/// NVlabs/pacnet.
///
/// The taps are not mirrored: a constant guide gives the ``ConvTranspose2d`` whose weights are
/// mirrored in both axes. Input `[batch, height, width, inputChannels]`, output
/// `[batch, height', width', outputChannels]` as for ``ConvTranspose2d``, guide
/// `[batch, height', width', features]`. Parameters: `weight` `[in, out, height, width]`, with
/// shared filters `[1, 1, height, width]`; the others as in ``PixelAdaptiveConv2d``.
///
/// Outputs whose positions are equal modulo the stride read the same taps; only these are
/// multiplied. Cost: height · width · in · out · kernel area multiply-adds, and per output pixel
/// taps · features.
public final class PixelAdaptiveConvTranspose2d: MultiInputLayer {
    /// Channels, kernel size, stride, padding, output padding and dilation.
    public let geometry: ConvTranspose2dGeometry
    /// How factors are made from the guide.
    public let options: AdaptiveKernelOptions
    /// Whether every channel is filtered by the same kernel.
    public let sharesFilters: Bool
    /// `[in, out, height, width]`, or `[1, 1, height, width]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let guideGeometry: Conv2dGeometry
    private let maker: AdaptiveKernelMaker
    private let packed = AdaptiveWeights()

    /// A layer with seeded initial values, as ``PixelAdaptiveConv2d``. The stride is at most 64, and the
    /// padding at most dilation · (kernel − 1).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Size2d = 0, outputPadding: Size2d = 0, dilation: Size2d = 1, bias: Bool = true,
        options: AdaptiveKernelOptions = AdaptiveKernelOptions(), sharesFilters: Bool = false,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "PixelAdaptiveConvTranspose2d"
        geometry = try ConvTranspose2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, outputPadding: outputPadding, dilation: dilation,
            layer: layer)
        try AdaptiveWeights.check(
            kernelSize, inputChannels, outputChannels, sharesFilters, layer: layer)
        try checkOption(max(stride.height, stride.width), "stride", in: 1...64, layer: layer)
        let reach = Size2d(
            height: (kernelSize.height - 1) * dilation.height,
            width: (kernelSize.width - 1) * dilation.width)
        guard padding.height <= reach.height, padding.width <= reach.width else {
            throw .invalidOption(
                layer: layer, option: "padding",
                expected: "at most dilation · (kernel − 1) = \(reach)", found: "\(padding)")
        }
        // The kernel's middle lies on its output.
        guideGeometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            padding: .symmetric(height: reach.height / 2, width: reach.width / 2),
            dilation: dilation, algorithm: .direct, layer: layer)
        self.options = options
        self.sharesFilters = sharesFilters
        maker = try AdaptiveKernelMaker(options, dilation: dilation, layer: layer)
        let bound = AdaptiveWeights.bound(guideGeometry, sharesFilters)
        weight = try Parameter(
            uniform: sharesFilters
                ? [1, 1, kernelSize.height, kernelSize.width] : geometry.weightShape,
            in: -bound...bound, seed: seed, layer: layer)
        self.bias =
            bias
            ? try Parameter(
                uniform: [outputChannels], in: -bound...bound, seed: ~seed, layer: layer)
            : nil
    }

    /// `weight`, `bias`, and the parameters of the factors.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
            + maker.parameters
    }

    /// `guide`.
    public var inputNames: [String] { ["guide"] }
    /// All parts; a gate only without a bias, which would be added after it.
    public var epilogueParts: EpilogueParts { bias == nil ? .all : [.activation, .residual] }
    /// The geometry's channels.
    public var channelFlow: ChannelFlow {
        .fixed(input: geometry.inputChannels, output: geometry.outputChannels)
    }

    /// The transposed convolution of `x` with the factors of `guide`.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, guide: Tensor, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        let call = try AdaptiveCall(x.shape, geometry, layer: place)
        guard guide.rank == 4, guide.shape.prefix(3) == call.output.prefix(3), guide.shape[3] > 0
        else {
            throw .shapeMismatch(
                layer: place, tensor: "guide",
                expected: "\(call.output.prefix(3)), the output's size, and features",
                found: guide.shape)
        }
        return try traced(
            "PixelAdaptiveConvTranspose2d", path: label, input: x,
            cost: { cost(call, input: x, guide: guide, output: $0) }
        ) { () throws(ProteanError) in
            try run(x, guide, call, epilogue)
        }
    }

    private func run(
        _ x: Tensor, _ guide: Tensor, _ call: AdaptiveCall, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        let reach = Size2d(
            height: (geometry.kernelSize.height - 1) * geometry.dilation.height,
            width: (geometry.kernelSize.width - 1) * geometry.dilation.width)
        var factors = try maker.kernels(
            guide, guideGeometry, padding: Size2d(height: reach.height / 2, width: reach.width / 2),
            layer: place)
        if options.isNormalized {
            factors = try Operations.normalized(factors, call, layer: place)
        }
        guard sharesFilters else {
            let weights = try packed.packed(weight, isTransposed: true, call, layer: place)
            return try Operations.adaptiveConv2d(
                x, kernels: factors, weights, bias: bias?.value, call, epilogue: epilogue,
                layer: place)
        }
        // Zeros between the pixels, then a depthwise convolution.
        let channels = geometry.inputChannels
        let ones = try Tensor(repeating: 1, shape: [channels, 1, 1, 1])
        let apart = try Operations.convTranspose2d(
            x, weight: ones, stride: geometry.stride, groups: channels)
        let top = reach.height - geometry.padding.height
        let left = reach.width - geometry.padding.width
        var plain = guideGeometry
        plain.padding = .explicit(
            top: top, bottom: top + geometry.outputPadding.height, left: left,
            right: left + geometry.outputPadding.width)
        return try packed.shared(
            apart, kernels: factors, weight, bias, plain, epilogue, layer: place)
    }

    /// The transposed convolution with the guide `inputs[0]`.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try self(x, guide: inputs[0], epilogue: epilogue)
    }

    private func cost(
        _ call: AdaptiveCall, input: Tensor, guide: Tensor, output: Tensor
    ) -> Cost {
        let pixels = output.count / geometry.outputChannels
        let sums = sharesFilters ? output.count * call.taps : call.multiplyAdds
        let own = parameters.map(\.parameter)
        let trained = own.filter { !$0.isBuffer }.reduce(0) { $0 + $1.count }
        return Cost(
            multiplyAdds: sums + pixels * call.taps * guide.shape[3]
                + input.count * call.taps,
            parameters: trained, buffers: own.reduce(0) { $0 + $1.count } - trained,
            bytes: (input.count + guide.count + output.count + trained)
                * MemoryLayout<Float>.stride)
    }
}
