/// Depthwise deformable convolution whose kernel is sampled from a larger one, the scope, on the
/// regular grid.
///
/// `y[n, oy, ox, c] = Σ_{i,j} W[c, i, j] · sample(x[n, :, :, c], py, px)`, with
/// `W[c, i, j] = sample(scope[c], i + (scopeHeight − k) / 2, j + (scopeWidth − k) / 2)` and
/// `(py, px) = (oy · s − p + i · d, ox · s − p + j · d) + d · offset`, the offsets being the (y, x) that
/// `offset_conv(x)` gives for the tap. `sample` is bilinear, with zeros outside.
///
/// Gao, Zhu, Lin, Dai, "Deformable Kernels: Adapting Effective Receptive Fields for Object
/// Deformation", arXiv 1910.02940: `DeformKernelConv2d` of the authors' code, which displaces the
/// input positions and samples the kernel on the regular grid; see ``DeformableKernelConv2d`` for
/// displaced kernels. Input `[batch, height, width, channels]`, output as for ``Conv2d``.
/// Parameters: `offset_conv.weight` `[2 · k², channels, k, k]` and `.bias`, initially zero, and
/// `inner_conv.weight` `[channels, 1, scopeHeight, scopeWidth]`.
///
/// The kernel is sampled once per change of the scope. Cost: as a depthwise ``DeformableConv2d``, and
/// the offsets' convolution.
public final class DisplacedDeformableKernelConv2d: Layer, SamplesPredictedPositions {
    /// Channels of input and output.
    public let channels: Int
    /// Height and width of the scope.
    public let scope: Size2d
    /// The convolution that predicts displacements.
    public let offsetConvolution: Conv2d
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let weight: Parameter
    private let sampled = Derived<Int, Sampled>()

    private struct Sampled: Sendable {
        let convolution: DeformableConv2d
        let packed = DeformableWeights()
    }

    /// A layer with seeded weights, uniform in ±1/k, and displacements of zero.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int, scope: Size2d = 4, kernelSize: Int = 3, stride: Int = 1, padding: Int = 0,
        dilation: Int = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        weight = try SampledKernel.depthwise(
            channels: channels, scope: scope, kernelSize: kernelSize, seed: seed,
            layer: "DisplacedDeformableKernelConv2d")
        offsetConvolution = try Conv2d.zeros(
            from: channels, to: 2 * kernelSize * kernelSize, kernelSize: Size2d(kernelSize),
            stride: Size2d(stride), padding: .symmetric(padding), dilation: Size2d(dilation))
        self.channels = channels
        self.scope = scope
    }

    /// `inner_conv.weight`.
    public var parameters: [NamedParameter] { [sampledWeight] }
    var sampledWeight: NamedParameter { NamedParameter("inner_conv.weight", weight) }

    /// `offset_conv`.
    public var submodules: [NamedModule] { [NamedModule("offset_conv", offsetConvolution)] }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var offset = try offsetConvolution(x)
        let dilation = offsetConvolution.geometry.dilation.width
        if dilation > 1 {
            offset = try Operations.multiply(offset, Tensor([Float(dilation)], shape: [1]))
        }
        let layer = try sampled.value(for: weight.version) {
            () throws(ProteanError) in try sample()
        }
        return try layer.convolution.run(
            x, at: Displacements(offset: offset), folded: layer.packed, norm: nil,
            epilogue: Conv2dEpilogue(), place: place, label: label)
    }

    /// The depthwise convolution with the sampled kernel.
    private func sample() throws(ProteanError) -> Sampled {
        let geometry = offsetConvolution.geometry, k = geometry.kernelSize.width
        let rows = try weight.value.reshaped(to: [channels, scope.height, scope.width])
        let kernels = try Operations.scopeKernels(
            Operations.permute(rows, [1, 2, 0]), displacement: Tensor(zeros: [1, 2 * k * k]),
            kernelSize: k, clip: false, layer: place)
        let convolution = try DeformableConv2d(
            inputChannels: channels, outputChannels: channels, kernelSize: geometry.kernelSize,
            stride: geometry.stride, padding: geometry.padding, dilation: geometry.dilation,
            groups: channels, bias: false)
        try convolution.weight.set(
            Operations.permute(kernels, [0, 2, 1]).reshaped(to: [channels, 1, k, k]))
        return Sampled(convolution: convolution)
    }
}
