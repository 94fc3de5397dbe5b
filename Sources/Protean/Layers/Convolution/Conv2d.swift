/// Two-dimensional convolution (cross-correlation).
///
/// `y[n, oy, ox, k] = bias[k] + Σ_{i,j,c} x[n, oy·s − p + i·d, ox·s − p + j·d, c] · weight[k, c, i, j]`
/// with zeros outside the image; `torch.nn.Conv2d` on NHWC maps.
///
/// Input `[batch, height, width, inputChannels]`, output `[batch, height', width', outputChannels]`,
/// `height' = ⌊(height + padding − dilation · (kernel − 1) − 1) / stride⌋ + 1`. Parameters:
/// `weight` `[out, in / groups, height, width]` and `bias` `[out]`, as in PyTorch.
///
/// 3 × 3 kernels with stride 1 may run as Winograd's F(4 × 4, 3 × 3) where that is faster, with
/// rounding errors some four times larger (see Docs/Numerics.md); `algorithm: .direct` excludes it
/// (see ``Runtime/setExactness(_:)`` for all layers). Weights are packed on first use for the
/// current instruction set, and plans are cached for the most recent input shapes; a repeated call
/// allocates its result and nothing else. Cost: batch · height' · width' · out · in / groups ·
/// kernel area multiply-adds.
public final class Conv2d: FoldsNorm, HasInitialWeights {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// `[out, in / groups, height, width]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let plans: Conv2dPlanCache

    /// A convolution with seeded initial values, uniform in ±1/√(inputs per output).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, bias: Bool = true,
        algorithm: Conv2dAlgorithm = .automatic, seed: UInt64 = 0
    ) throws(ProteanError) {
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups,
            algorithm: algorithm)
        let fanIn = geometry.fanIn
        weight = try Parameter(
            uniform: geometry.weightShape, fanIn: fanIn, seed: seed, layer: "Conv2d")
        self.bias =
            bias
            ? try Parameter(uniform: [outputChannels], fanIn: fanIn, seed: ~seed, layer: "Conv2d")
            : nil
        plans = Conv2dPlanCache(weight: weight, bias: self.bias, geometry: geometry)
    }

    /// A convolution with the given weights `[out, in / groups, height, width]` and bias `[out]`.
    ///
    /// - Throws: ``ProteanError`` when shapes and options do not fit together.
    public init(
        weight: Tensor, bias: Tensor? = nil, stride: Size2d = 1, padding: Padding2d = 0,
        dilation: Size2d = 1, groups: Int = 1, algorithm: Conv2dAlgorithm = .automatic
    ) throws(ProteanError) {
        guard weight.rank == 4 else {
            throw .shapeMismatch(
                layer: "Conv2d", tensor: "weight",
                expected: "[out, in / groups, height, width]", found: weight.shape)
        }
        let (inputs, overflow) = weight.shape[1].multipliedReportingOverflow(by: max(groups, 1))
        guard !overflow else { throw .sizeOverflow(layer: "Conv2d", what: "the input channels") }
        geometry = try Conv2dGeometry(
            inputChannels: inputs, outputChannels: weight.shape[0],
            kernelSize: Size2d(height: weight.shape[2], width: weight.shape[3]), stride: stride,
            padding: padding, dilation: dilation, groups: groups, algorithm: algorithm)
        if let bias, bias.shape != [weight.shape[0]] {
            throw .shapeMismatch(
                layer: "Conv2d", tensor: "bias", expected: "[\(weight.shape[0])]",
                found: bias.shape)
        }
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
        plans = Conv2dPlanCache(weight: self.weight, bias: self.bias, geometry: geometry)
    }

    /// A convolution with parameters of its geometry's shapes.
    init(geometry: Conv2dGeometry, weight: Parameter, bias: Parameter?) {
        self.geometry = geometry
        self.weight = weight
        self.bias = bias
        plans = Conv2dPlanCache(weight: weight, bias: bias, geometry: geometry)
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// `weight`.
    public var initialWeights: [InitialWeight] { [InitialWeight("weight", weight)] }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, epilogue: Conv2dEpilogue())
    }

    /// The convolution of `x`, with an epilogue applied to the sums before they are stored.
    ///
    /// - Throws: ``ProteanError`` when `x`, the residual or the gate do not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try run(x, plans: plans, epilogue: epilogue)
    }

    /// The convolution of some rows of `x`, written to some rows of a map that is there; see
    /// ``Operations/conv2d(_:plans:inputRows:outputRows:into:adding:epilogue:layer:)``.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, inputChannels]`.
    ///   - inputRows: the rows of `x` that are read; nil for all.
    ///   - outputRows: the rows of `y` that are written, as many; nil for all.
    ///   - y: `[rows, height', width', outputChannels]`; other rows keep their values.
    ///   - adding: adds the values that the written rows of `y` have.
    ///   - epilogue: operations applied to the sums; residual and factor are shaped like `y`, the
    ///     gate has a row per computed row.
    /// - Throws: ``ProteanError`` when a tensor or a list does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, inputRows: RowPlan?, outputRows: RowPlan?, into y: inout Tensor,
        adding: Bool = false, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) {
        let part = Conv2dPart(inputRows: inputRows, outputRows: outputRows)
        try run(x, part, plans: plans, into: &y, adding: adding, epilogue: epilogue)
    }

    /// The convolution of some rows of `x` as a compact batch `[rows.count, …]`, read in place.
    ///
    /// - Throws: ``ProteanError`` when `x` or the list does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, rows: RowPlan, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        try run(x, rows: rows, plans: plans, epilogue: epilogue)
    }

    /// All parts; a gate only if there is no bias, which would be added after it.
    public var epilogueParts: EpilogueParts {
        bias == nil ? [.all, .factor] : [.activation, .residual, .factor]
    }

    /// The convolution and `norm` as one kernel; a ``FusedConv2d``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel {
        try FusedConv2d(self, norm)
    }

    /// The plan for an input of shape `[batch, height, width, channels]` on this machine.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit.
    public func plan(for input: [Int]) throws(ProteanError) -> Conv2dPlan {
        try geometry.plan(for: input, layer: place)
    }

    func run(
        _ x: Tensor, plans: Conv2dPlanCache, mixture: ExpertMixture? = nil,
        epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try traced(
            "Conv2d", path: label, input: x,
            cost: {
                var cost = cost(input: x, output: $0).folding(plans.norm)
                if epilogue.factor != nil { cost += Cost(multiplyAdds: $0.count) }
                return cost
            }
        ) { () throws(ProteanError) in
            try Operations.conv2d(
                x, plans, mixture: mixture, epilogue: epilogue, layer: place)
        }
    }

    /// The convolution of some rows, as a compact batch.
    func run(
        _ x: Tensor, rows: RowPlan, plans: Conv2dPlanCache, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        let input = try shape(of: x, rows)
        return try traced(
            "Conv2d", path: label, input: x, shape: input.shape,
            cost: { cost(input: input, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(
                x, plans, Conv2dPart(inputRows: rows), epilogue: epilogue, layer: place)
        }
    }

    /// The convolution of some rows, written to a map that is there.
    func run(
        _ x: Tensor, _ part: Conv2dPart, plans: Conv2dPlanCache, into y: inout Tensor,
        adding: Bool, epilogue: Conv2dEpilogue
    ) throws(ProteanError) {
        let input = try shape(of: x, part.inputRows)
        _ = try traced(
            "Conv2d", path: label, input: x, shape: input.shape,
            cost: { cost(input: input, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(
                x, plans, part, into: &y, adding: adding, epilogue: epilogue, layer: place)
            return try Tensor(shapeOnly: [input.shape[0]] + y.shape.dropFirst())
        }
    }

    /// The shape of the rows of `x` that are read.
    private func shape(of x: Tensor, _ rows: RowPlan?) throws(ProteanError) -> Tensor {
        guard let rows, x.rank > 0 else { return try Tensor(shapeOnly: x.shape) }
        return try Tensor(shapeOnly: [rows.count] + x.shape.dropFirst())
    }

    /// The convolution of the concatenated channels of several maps.
    func run(
        concatenating maps: [Tensor], plans: Conv2dPlanCache, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard geometry.reads(maps) else {
            let x = try Operations.concatenate(maps, axis: -1)
            return try run(x, plans: plans, epilogue: epilogue)
        }
        let joined = try Tensor(shapeOnly: try Operations.concatenatedShape(maps, 3))
        return try traced(
            "Conv2d", path: label, input: maps[0], shape: joined.shape,
            cost: { cost(input: joined, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            let y = try Operations.conv2d(
                concatenating: maps, plans, epilogue: epilogue, layer: place)
            if let y { return y }
            let x = try Operations.concatenate(maps, axis: -1)
            return try Operations.conv2d(x, plans, epilogue: epilogue, layer: place)
        }
    }

    func cost(input: Tensor, output: Tensor) -> Cost {
        let parameters = weight.count + (bias?.count ?? 0)
        return Cost(
            multiplyAdds: output.count * geometry.fanIn, parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
