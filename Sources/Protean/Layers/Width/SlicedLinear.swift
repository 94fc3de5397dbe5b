/// A linear layer of which each call uses the first features only; see ``SlicedConv2d``.
///
/// Input `[…, in]` with at most `inputFeatures` features, result `[…, out]`:
/// `y = activation(x · weight[0 ..< out, 0 ..< in]ᵀ + bias[0 ..< out])`. `weight`
/// `[outputFeatures, inputFeatures]` and `bias` `[outputFeatures]` as in ``Linear``. Equal to the whole
/// layer with zeros for the missing features, bit for bit. Cost: rows · in · out multiply-adds.
public final class SlicedLinear: Layer, HasInitialWeights {
    private let linear: Linear
    private let plans: Conv2dPlanCache
    /// Where the layer stands in a model.
    public var label: Label? { linear.label }

    /// Shares the weights of `linear`.
    ///
    /// - Throws: ``ProteanError`` when the layer's sizes are out of range.
    public init(_ linear: Linear) throws(ProteanError) {
        self.linear = linear
        let geometry = try Conv2dGeometry(
            inputChannels: linear.inputFeatures, outputChannels: linear.outputFeatures,
            kernelSize: 1, layer: "SlicedLinear")
        plans = Conv2dPlanCache(weight: linear.weight, bias: linear.bias, geometry: geometry)
    }

    /// A layer with seeded initial values; options as for ``Linear``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public convenience init(
        inputFeatures: Int, outputFeatures: Int, bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        try self.init(
            try Linear(
                inputFeatures: inputFeatures, outputFeatures: outputFeatures, bias: bias,
                seed: seed))
    }

    /// Most features of an input.
    public var inputFeatures: Int { linear.inputFeatures }
    /// Most features of a result.
    public var outputFeatures: Int { linear.outputFeatures }
    /// `[outputFeatures, inputFeatures]`.
    public var weight: Parameter { linear.weight }
    /// `[outputFeatures]`, or nil.
    public var bias: Parameter? { linear.bias }
    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { linear.parameters }
    /// `weight`.
    public var initialWeights: [InitialWeight] { linear.initialWeights }
    /// From the layer's input features to all output features.
    public var channelFlow: ChannelFlow { .fixed(input: inputFeatures, output: outputFeatures) }

    /// All output features from the features that `x` has.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, outputFeatures: outputFeatures)
    }

    /// The first `outputFeatures` features from those that `x` has.
    ///
    /// - Parameters:
    ///   - x: `[…, in]` with at most the layer's input features.
    ///   - outputFeatures: number of features to compute.
    ///   - activation: applied last.
    /// - Returns: `[…, outputFeatures]`.
    /// - Throws: ``ProteanError`` when `x` or the number does not fit.
    public func callAsFunction(
        _ x: Tensor, outputFeatures: Int, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let inputs = x.shape.last ?? 0
        guard (1...inputFeatures).contains(inputs) else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[…, 1...\(inputFeatures)]", found: x.shape)
        }
        try checkOption(
            outputFeatures, "outputFeatures", in: 1...self.outputFeatures, layer: place)
        let shape = Array(x.shape.dropLast()) + [outputFeatures]
        let part = Conv2dPart(inputChannels: inputs, outputChannels: outputFeatures)
        return try traced(
            "SlicedLinear", path: label, input: x, cost: { cost(inputs, x, $0) }
        ) { () throws(ProteanError) in
            let rows = try x.reshaped(to: [x.count / inputs, 1, 1, inputs])
            if rows.count == 0 { return try Tensor(emptyLike: x, shape: shape) }
            let y = try Operations.conv2d(
                rows, plans, part, epilogue: Conv2dEpilogue(activation: activation), layer: place)
            return try y.reshaped(to: shape)
        }
    }

    private func cost(_ inputs: Int, _ x: Tensor, _ output: Tensor) -> Cost {
        let outputs = output.shape.last ?? 0
        let parameters = outputs * (inputs + (bias == nil ? 0 : 1))
        return Cost(
            multiplyAdds: output.count * inputs, parameters: parameters,
            bytes: (x.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
