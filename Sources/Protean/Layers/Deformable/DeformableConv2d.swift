/// Deformable convolution: every tap samples the input at its own displaced position.
///
/// `y[n, oy, ox, k] = bias[k] + Σ_{i,j,c} weight[k, c, i, j] · mask · sample(x[n, :, :, c], py, px)`
/// with `py = oy·s − p + i·d + offset_y`, `px = ox·s − p + j·d + offset_x`, and `sample` bilinear
/// with zeros outside the image: `torchvision.ops.deform_conv2d` on NHWC maps.
///
/// Dai et al., "Deformable Convolutional Networks", arXiv 1703.06211 (without a mask); Zhu et al.,
/// "Deformable ConvNets v2", arXiv 1811.11168 (with one).
///
/// Input `[batch, height, width, inputChannels]`, output `[batch, height', width', outputChannels]`
/// as for ``Conv2d``. `offset` is `[batch, height', width', offsetGroups · 2 · taps]`: for each
/// group of offsets, then each tap row by row, the displacement (y, x) in input pixels; `mask` is
/// `[batch, height', width', offsetGroups · taps]`. The number of offset groups follows from the
/// channels of `offset`; group q holds the input channels from q · C / offsetGroups on. Parameters:
/// `weight` `[out, in / groups, height, width]` and `bias` `[out]`.
///
/// A sample at or beyond −1 or the size is 0, and between −1 and 0 it is interpolated towards 0;
/// positions with infinite displacements are outside; NaN displacements give NaN. Offsets of zero
/// without a mask give the result of a ``Conv2d`` if the input is finite, and with one group that
/// of a direct one bit for bit. Memory in addition to the result is at most 1.5 MiB per thread for
/// any image (see ptn_deform_conv2d.h for kernels with thousands of channels). Cost: as ``Conv2d``,
/// plus four multiply-adds per sampled channel.
public final class DeformableConv2d: MultiInputLayer {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// `[out, in / groups, height, width]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let packed = DeformableWeights()

    /// A layer with seeded initial values, uniform in ±1/√(inputs per output).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, bias: Bool = true,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups,
            algorithm: .direct, layer: "DeformableConv2d")
        let fanIn = geometry.fanIn
        weight = try Parameter(
            uniform: geometry.weightShape, fanIn: fanIn, seed: seed, layer: "DeformableConv2d")
        self.bias =
            bias
            ? try Parameter(
                uniform: [outputChannels], fanIn: fanIn, seed: ~seed, layer: "DeformableConv2d")
            : nil
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// The convolution of `x` sampled at displaced positions.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, inputChannels]`.
    ///   - offset: `[batch, height', width', offsetGroups · 2 · taps]`, (y, x) per tap.
    ///   - mask: `[batch, height', width', offsetGroups · taps]`; nil for ones.
    ///   - epilogue: operations applied to the sums before they are stored.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, offset: Tensor, mask: Tensor? = nil,
        epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        try run(
            x, at: Displacements(offset: offset, mask: mask), folded: packed, norm: nil,
            epilogue: epilogue, place: place, label: label)
    }

    /// `offset` and, optionally, `mask`.
    public var inputNames: [String] { ["offset", "mask"] }

    /// The offset.
    public var requiredInputs: Int { 1 }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// All parts; a gate only if there is no bias, which would be added after it.
    public var epilogueParts: EpilogueParts { bias == nil ? .all : [.activation, .residual] }

    /// The convolution with the offset `inputs[0]` and the mask `inputs[1]`, if there is one; see
    /// ``callAsFunction(_:offset:mask:epilogue:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try callAsFunction(
            x, offset: inputs[0], mask: inputs.count > 1 ? inputs[1] : nil, epilogue: epilogue)
    }

    /// The convolution and `norm` as one kernel.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(
        _ norm: any FoldableNorm
    ) throws(ProteanError) -> (any MultiInputKernel)? {
        try norm.check(follows: geometry, layer: "DeformableConv2d")
        return Folded(conv: self, norm: norm)
    }

    /// The convolution with a norm folded in.
    private struct Folded: MultiInputKernel {
        let conv: DeformableConv2d
        let norm: any FoldableNorm
        let weights = DeformableWeights()

        var epilogueParts: EpilogueParts { [.activation, .residual] }

        func callAsFunction(
            _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            try conv.check(inputs: inputs.count)
            let displacements = Displacements(
                offset: inputs[0], mask: inputs.count > 1 ? inputs[1] : nil)
            return try conv.run(
                x, at: displacements, folded: weights, norm: norm, epilogue: epilogue,
                place: conv.place, label: conv.label)
        }
    }

    /// `place` and `label` are those of the layer that uses this one.
    func run(
        _ x: Tensor, at displacements: Displacements, folded: DeformableWeights,
        norm: (any FoldableNorm)?,
        epilogue: Conv2dEpilogue, place: String, label: Label?
    ) throws(ProteanError) -> Tensor {
        try traced(
            "DeformableConv2d", path: label, input: x,
            cost: { cost(input: x, displacements, output: $0).folding(norm) }
        ) { () throws(ProteanError) in
            let weights = try folded.packed(
                weight: weight, bias: bias, norm: norm, geometry: geometry, layer: place)
            let y = try Operations.deformConv2d(
                x, weights, at: displacements, epilogue: epilogue, layer: place)
            SamplingRecord.current?.append(
                path: place, input: x, output: y,
                ConvolutionPlaces(geometry: geometry, displacements: [displacements]))
            return y
        }
    }

    private func cost(input: Tensor, _ displacements: Displacements, output: Tensor) -> Cost {
        let parameters = weight.count + (bias?.count ?? 0)
        let taps = geometry.kernelSize.height * geometry.kernelSize.width
        let sampled = output.count / geometry.outputChannels * taps * geometry.inputChannels
        let given = displacements.inputs.reduce(0) { $0 + $1.count }
        return Cost(
            multiplyAdds: output.count * geometry.fanIn + 4 * sampled, parameters: parameters,
            bytes: (input.count + given + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
