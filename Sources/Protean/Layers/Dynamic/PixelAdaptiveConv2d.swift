/// Pixel-adaptive convolution (PAC): a convolution whose taps are weighted at every pixel by how
/// similar a guide's features are there and at the centre.
///
/// `y[n] = Σ_{p,c} weight[:, c, p] · K_p(n) · x[n + p, c] + bias`, `D_p(n) = Σ_c (f[n + p] − f₀)²`,
/// where f is the guide, zero outside its map, and f₀ its value at the centre, or smoothed there.
/// Gaussian: `K_p = exp(−D_p / 2)`; `inv_{α}_{λ}`: `K_p = α + (D_p + 10⁻⁴)^(λ / 2)`. Su, Jampani,
/// Sun, Gallo, Learned-Miller, Kautz, "Pixel-Adaptive Convolutional Neural Networks", arXiv
/// 1904.05373; options and names as `PacConv2d` of NVlabs/pacnet.
///
/// Input `[batch, height, width, inputChannels]`, guide `[batch, height, width, features]`, output
/// `[batch, height', width', outputChannels]` as for ``Conv2d``. Parameters: `weight`
/// `[out, in, height, width]`, with shared filters `[1, 1, height, width]`; `bias` `[out]`;
/// `inv_alpha` and `inv_lambda`, scalars; `smooth_kernel` `[1, 1, side, side]`.
///
/// With shared filters every channel is filtered by the same kernel. Kernel sizes are odd. A constant
/// guide with Gaussian factors gives the direct ``Conv2d``, bit for bit if that has more than eight
/// output channels. Factors are computed once per pixel and multiplied into a small tile of rows as
/// it is packed: no unfolded map. Cost: the convolution, and per output pixel taps · (features +
/// channels) multiply-adds.
public final class PixelAdaptiveConv2d: MultiInputLayer {
    /// Channels, kernel size, stride, padding and dilation.
    public let geometry: Conv2dGeometry
    /// How factors are made from the guide.
    public let options: AdaptiveKernelOptions
    /// Whether every channel is filtered by the same kernel.
    public let sharesFilters: Bool
    /// `[out, in, height, width]`, or `[1, 1, height, width]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let padding: Size2d
    private let maker: AdaptiveKernelMaker
    private let packed = AdaptiveWeights()

    /// A layer with seeded initial values, uniform in ±1/√(inputs per output); shared filters times
    /// the channels, as in the reference.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Size2d = 0, dilation: Size2d = 1, bias: Bool = true,
        options: AdaptiveKernelOptions = AdaptiveKernelOptions(), sharesFilters: Bool = false,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "PixelAdaptiveConv2d"
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: .symmetric(height: padding.height, width: padding.width),
            dilation: dilation, algorithm: .direct, layer: layer)
        try AdaptiveWeights.check(
            kernelSize, inputChannels, outputChannels, sharesFilters, layer: layer)
        self.padding = padding
        self.options = options
        self.sharesFilters = sharesFilters
        maker = try AdaptiveKernelMaker(options, dilation: dilation, layer: layer)
        let bound = AdaptiveWeights.bound(geometry, sharesFilters)
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
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// The factors that the guide gives, `[batch, height', width', taps]`.
    ///
    /// - Throws: ``ProteanError`` when the guide does not fit.
    public func kernels(of guide: Tensor) throws(ProteanError) -> Tensor {
        let made = try maker.kernels(guide, geometry, padding: padding, layer: place)
        guard options.isNormalized else { return made }
        let map = Array(guide.shape.prefix(3)) + [geometry.inputChannels]
        return try Operations.normalized(
            made, try AdaptiveCall(map, geometry, layer: place), layer: place)
    }

    /// The convolution of `x` with the factors of `guide`.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, guide: Tensor, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        let call = try AdaptiveCall(x.shape, geometry, layer: place)
        guard guide.rank == 4, guide.shape.prefix(3) == x.shape.prefix(3), guide.shape[3] > 0 else {
            throw .shapeMismatch(
                layer: place, tensor: "guide", expected: "\(x.shape.prefix(3)) and features",
                found: guide.shape)
        }
        return try traced(
            "PixelAdaptiveConv2d", path: label, input: x,
            cost: { cost(call, input: x, guide: guide, output: $0) }
        ) { () throws(ProteanError) in
            let factors = try kernels(of: guide)
            let y = try apply(factors, to: x, call, epilogue)
            try FilterRecord.note(path: place, input: x, output: y) { () throws(ProteanError) in
                .filters(
                    factors, kernelSize: geometry.kernelSize, dilation: geometry.dilation, groups: 1
                )
            }
            return y
        }
    }

    private func apply(
        _ factors: Tensor, to x: Tensor, _ call: AdaptiveCall, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        if sharesFilters {
            return try packed.shared(
                x, kernels: factors, weight, bias, geometry, epilogue, layer: place)
        }
        let weights = try packed.packed(weight, call, layer: place)
        return try Operations.adaptiveConv2d(
            x, kernels: factors, weights, bias: bias?.value, call, epilogue: epilogue,
            layer: place)
    }

    /// The convolution with the guide `inputs[0]`.
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
            multiplyAdds: sums
                + pixels * call.taps * (guide.shape[3] + geometry.inputChannels),
            parameters: trained, buffers: own.reduce(0) { $0 + $1.count } - trained,
            bytes: (input.count + guide.count + output.count + trained)
                * MemoryLayout<Float>.stride)
    }
}
