/// The widths of a ``DynamicConvolutionDecomposition``, which follow from its channels and form.
struct DecompositionSizes {
    let kernel, padding: Int
    /// Side of the pooled map.
    let cells: Int
    let rank, squeezed: Int

    init(
        _ inputs: Int, _ outputs: Int, _ variant: DynamicConvolutionDecomposition.Variant,
        _ kernelSize: Int?, _ stride: Int, _ padding: Int?, _ reduction: Int
    ) throws(ProteanError) {
        let layer = "DynamicConvolutionDecomposition"
        // Four times the channels are pooled, so that counts of them stay within the limit.
        let most = OptionLimits.channels / 4
        try checkOption(inputs, "inputChannels", in: 1...most, layer: layer)
        try checkOption(outputs, "outputChannels", in: 1...most, layer: layer)
        try checkOption(reduction, "reduction", in: 1...most, layer: layer)
        let isFree = variant == .bottleneck
        let standard = variant == .pointwise ? 1 : 3
        kernel = kernelSize ?? standard
        try checkOption(
            kernel, "kernelSize", in: isFree ? 1...OptionLimits.length : standard...standard,
            layer: layer)
        self.padding = padding ?? kernel / 2
        try checkOption(
            self.padding, "padding",
            in: isFree ? 0...OptionLimits.length : kernel / 2...kernel / 2, layer: layer)
        try checkOption(
            stride, "stride", in: variant == .pointwise ? 1...1 : 1...OptionLimits.length,
            layer: layer)
        switch variant {
        case .pointwise:
            cells = inputs < outputs ? 2 : 1
            rank = Self.rank(inputs * cells * cells, outputs, reduction: inputs < outputs ? 8 : 2)
            squeezed = max(4, max(inputs * cells * cells, rank * rank) / reduction)
        case .basic:
            cells = 2
            rank = Int(Double(4 * inputs).squareRoot())
            squeezed = max(4, max(4 * inputs, rank * rank) / 16)
        case .bottleneck:
            try checkOption(inputs, "inputChannels", in: 16...most, layer: layer)
            cells = 1
            rank = Int(Double(inputs).squareRoot())
            squeezed = max(inputs, rank * rank) / 16
        }
    }

    /// `DYModule`'s rank: the reduction is doubled until the square holds at most twice as many
    /// values as are pooled.
    private static func rank(_ pooled: Int, _ outputs: Int, reduction first: Int) -> Int {
        var reduction = first
        var rank = min(pooled / reduction, outputs / reduction)
        while rank * rank > 2 * pooled {
            reduction *= 2
            rank = min(pooled / reduction, outputs / reduction)
        }
        return max(4, rank)
    }
}

/// The head of a ``DynamicConvolutionDecomposition``: from the pooled input to a square matrix and to
/// scales in 0...2 per sample.
struct DecompositionHead: Sendable {
    private let cells: Int
    private let squeeze, gate, phi, scale: Linear

    init(
        _ sizes: DecompositionSizes, _ inputs: Int, _ outputs: Int, seed: UInt64
    ) throws(ProteanError) {
        cells = sizes.cells
        func linear(_ inputs: Int, _ outputs: Int, _ step: UInt64) throws(ProteanError) -> Linear {
            try Linear(
                inputFeatures: inputs, outputFeatures: outputs, bias: false, seed: seed &+ step)
        }
        squeeze = try linear(inputs * cells * cells, sizes.squeezed, 0)
        gate = try linear(sizes.squeezed, sizes.squeezed, 1)
        phi = try linear(sizes.squeezed, sizes.rank * sizes.rank, 2)
        scale = try linear(sizes.squeezed, outputs, 3)
    }

    /// The layers under their names.
    var parts: [NamedModule] {
        [
            NamedModule("fc.0", squeeze), NamedModule("fc.1.fc.0", gate),
            NamedModule("fc_phi", phi), NamedModule("fc_scale", scale),
        ]
    }

    /// The matrices `[batch, rank²]` and the scales `[batch, out]` of `x`.
    func callAsFunction(
        _ x: Tensor
    ) throws(ProteanError) -> (matrices: Tensor, scales: Tensor) {
        let pooled =
            cells == 1
            ? try Operations.globalAveragePool(x)
            : try Operations.flatten(
                Operations.adaptiveAvgPool2d(x, outputSize: Size2d(cells)))
        let narrow = try squeeze(pooled)
        let v = try Operations.multiply(narrow, try twice(gate(narrow, activation: .hardSigmoid)))
        return (try phi(v), try twice(scale(v, activation: .hardSigmoid)))
    }

    /// relu6(z + 3) / 3 is twice the hard sigmoid.
    private func twice(_ x: Tensor) throws(ProteanError) -> Tensor { try Operations.add(x, x) }
}

/// The weights of a ``DynamicConvolutionDecomposition`` with its inner norm, and maybe a norm behind
/// the layer, folded in.
final class DecompositionPlans: Sendable {
    /// The static convolution with the norm behind the layer.
    let main: Conv2dPlanCache

    private let project: Conv2d
    private let inner: BatchNorm2d
    private let norm: (any FoldableNorm)?
    private let projections = Derived<Int, Conv2dPlanCache>()
    private let diagonal = Derived<Int, (scale: Tensor, identity: Tensor)>()

    init(conv: Conv2d, project: Conv2d, inner: BatchNorm2d, norm: (any FoldableNorm)?) {
        main = Conv2dPlanCache(
            weight: conv.weight, bias: nil, norm: norm, geometry: conv.geometry)
        self.project = project
        self.inner = inner
        self.norm = norm
    }

    /// scale(norm₂) · Φ + 1.
    func square(_ matrices: Tensor) throws(ProteanError) -> Tensor {
        let rank = inner.channels
        let parts = try diagonal.value(for: inner.version) { () throws(ProteanError) in
            let identity = (0..<rank * rank).map { Float($0 % (rank + 1) == 0 ? 1 : 0) }
            return (
                try inner.scaleAndShift().scale.reshaped(to: [rank, 1]),
                try Tensor(identity, shape: [rank, rank])
            )
        }
        let scaled = try Operations.multiply(matrices, parts.scale)
        return try Operations.add(scaled, parts.identity)
    }

    /// The projection: its weights times the outer norm's scale, and what it makes of the inner norm's
    /// shift as a bias. The outer norm's shift is added by the static convolution.
    func projection() throws(ProteanError) -> Conv2dPlanCache {
        let version = project.weight.version + inner.version + (norm?.version ?? 0)
        return try projections.value(for: version) { () throws(ProteanError) in
            let rank = inner.channels, outputs = project.geometry.outputChannels
            let shift = try inner.scaleAndShift().shift.elements
            let scale = try norm?.scaleAndShift().scale.elements
            var weights = project.weight.value.elements
            var bias: [Float] = []
            for output in 0..<outputs {
                let factor = scale?[output] ?? 1
                var sum = 0.0
                for i in output * rank..<(output + 1) * rank {
                    sum += Double(weights[i]) * Double(shift[i - output * rank])
                    weights[i] *= factor
                }
                bias.append(Float(sum * Double(factor)))
            }
            return Conv2dPlanCache(
                weight: Parameter(try Tensor(weights, shape: project.weight.shape)),
                bias: Parameter(try Tensor(bias, shape: [outputs])), geometry: project.geometry)
        }
    }
}
