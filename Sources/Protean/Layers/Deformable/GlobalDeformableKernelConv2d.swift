/// Convolution with deformable kernels, global form: every sample has one kernel, sampled from a
/// larger one, the scope, at positions that depend on the sample's channel means.
///
/// `y[n] = conv(x[n], W[n])`, `W[n][o, c, i, j] = sample(weight[o, c], py, px)`,
/// `(py, px) = (i + (scopeHeight − k) / 2, j + (scopeWidth − k) / 2) + r`, both clamped to 0 …
/// scopeHeight − 1, where r is the (y, x) that `fc(globalAveragePool(x[n]))` gives for the tap.
/// `sample` is bilinear, with zeros beyond the scope.
///
/// Gao, Zhu, Lin, Dai, "Deformable Kernels: Adapting Effective Receptive Fields for Object
/// Deformation", arXiv 1910.02940: `GlobalDeformKernel2d` of the authors' code with a scope of two
/// axes; ``DeformableKernelConv2d`` is the local form. Input
/// `[batch, height, width, inputChannels]`, output as for ``Conv2d``. Parameters: `weight`
/// `[out, in / groups, scopeHeight, scopeWidth]`, `fc.weight` `[2 · k², in]` and `fc.bias`, the
/// latter two initially zero. There is no bias.
///
/// A scope of the kernel's size and displacements of zero give a direct ``Conv2d`` without bias,
/// bit for bit. Cost: the convolution, 4 multiply-adds per value of the batch's kernels and 2 · k²
/// · in per sample; memory: two copies of one kernel per sample.
public final class GlobalDeformableKernelConv2d: Layer, SamplesPredictedPositions {
    /// Channels, size of the sampled kernel, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// Height and width of the scope.
    public let scope: Size2d
    /// `[out, in / groups, scope height, scope width]`.
    public let weight: Parameter
    /// Displacements from the means of the channels.
    public let displacement: Linear
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let regrouped = Derived<Int, Tensor>()

    /// A layer with seeded weights, uniform in ±1/√(inputs per output), and displacements of zero.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, scope: Size2d = 2, kernelSize: Int = 1,
        stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        let place = "GlobalDeformableKernelConv2d"
        try SampledKernel.check(scope: scope, kernelSize: kernelSize, layer: place)
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels,
            kernelSize: Size2d(kernelSize), stride: Size2d(stride),
            padding: .symmetric(padding), dilation: Size2d(dilation), groups: groups,
            algorithm: .direct, layer: place)
        self.scope = scope
        weight = try Parameter(
            uniform: Array(geometry.weightShape.prefix(2)) + [scope.height, scope.width],
            fanIn: geometry.fanIn, seed: seed, layer: place)
        displacement = try Linear.zeros(from: inputChannels, to: 2 * kernelSize * kernelSize)
    }

    /// `weight`.
    public var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }

    var sampledWeight: NamedParameter { NamedParameter("weight", weight) }

    /// `fc`.
    public var submodules: [NamedModule] { [NamedModule("fc", displacement)] }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: geometry.inputChannels, layer: place)
        let moved = try displacement(Operations.globalAveragePool(x))
        return try traced(
            "GlobalDeformableKernelConv2d", path: label, input: x, cost: { cost(x, $0) }
        ) { () throws(ProteanError) in
            let cells = try regrouped.value(for: weight.version) {
                () throws(ProteanError) in try cellsFirst()
            }
            let kernels = try Operations.scopeKernels(
                cells, displacement: moved, kernelSize: geometry.kernelSize.width, clip: true,
                layer: place)
            let filters = try Operations.permute(kernels, [0, 2, 1])
            return try Operations.conv2d(
                x, filtersPerSample: filters.reshaped(to: [x.shape[0]] + geometry.weightShape),
                geometry: geometry, layer: place)
        }
    }

    /// `[out, in / groups, height, width]` as `[height, width, out · in / groups]`.
    private func cellsFirst() throws(ProteanError) -> Tensor {
        let filters = geometry.weightShape[0] * geometry.weightShape[1]
        let rows = try weight.value.reshaped(to: [filters, scope.height, scope.width])
        return try Operations.permute(rows, [1, 2, 0])
    }

    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        let kernels = x.shape[0] * geometry.weightShape.reduce(1, *)
        return Cost(
            multiplyAdds: y.count * geometry.fanIn + 4 * kernels, parameters: weight.count,
            bytes: (x.count + y.count + weight.count + 2 * kernels) * MemoryLayout<Float>.stride)
    }
}
