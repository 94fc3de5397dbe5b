/// Convolution (cross-correlation) along sequences.
///
/// `y[n, o, k] = bias[k] + Σ_{i,c} x[n, o·s − p + i·d, c] · weight[k, c, i]` with zeros outside the
/// sequence; `torch.nn.Conv1d` with channels last.
///
/// Input `[batch, length, inputChannels]`, output `[batch, length', outputChannels]`,
/// `length' = ⌊(length + padding − dilation · (kernel − 1) − 1) / stride⌋ + 1`. Parameters: `weight`
/// `[out, in / groups, kernel]` and `bias` `[out]`, as in PyTorch.
///
/// A sequence is a map of one row, so this runs on ``Conv2d``'s kernels without copies. Weights are
/// packed on first use for the current instruction set, and plans are cached for the most recent
/// input shapes. Cost: batch · length' · out · in / groups · kernel multiply-adds.
public final class Conv1d: Layer, HasInitialWeights {
    /// The same convolution on maps of one row.
    let geometry: Conv2dGeometry
    /// `[out, in / groups, kernel]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let plans: Conv2dPlanCache

    /// A convolution with seeded initial values, uniform in ±1/√(inputs per output).
    ///
    /// Kernel size, stride and dilation are in 1...2²⁰, padding in 0...2²⁰, channels in 1...2²⁴ and
    /// multiples of `groups`.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int, stride: Int = 1,
        padding: Padding1d = 0, dilation: Int = 1, groups: Int = 1, bias: Bool = true,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        for (option, value) in [
            ("kernelSize", kernelSize), ("stride", stride), ("dilation", dilation),
        ] { try checkOption(value, option, in: 1...OptionLimits.length, layer: "Conv1d") }
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels,
            kernelSize: Size2d(height: 1, width: kernelSize),
            stride: Size2d(height: 1, width: stride), padding: padding.alongRows,
            dilation: Size2d(height: 1, width: dilation), groups: groups, layer: "Conv1d")
        let shape = [outputChannels, inputChannels / groups, kernelSize]
        let fanIn = geometry.fanIn
        weight = try Parameter(uniform: shape, fanIn: fanIn, seed: seed, layer: "Conv1d")
        self.bias =
            bias
            ? try Parameter(uniform: [outputChannels], fanIn: fanIn, seed: ~seed, layer: "Conv1d")
            : nil
        plans = Conv2dPlanCache(weight: weight, bias: self.bias, geometry: geometry)
    }

    /// Channels of the input.
    public var inputChannels: Int { geometry.inputChannels }
    /// Channels of the output.
    public var outputChannels: Int { geometry.outputChannels }
    /// Taps of the kernel.
    public var kernelSize: Int { geometry.kernelSize.width }
    /// Step from one output to the next.
    public var stride: Int { geometry.stride.width }
    /// Distance between neighbouring taps.
    public var dilation: Int { geometry.dilation.width }
    /// Independent groups of channels.
    public var groups: Int { geometry.groups }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// `weight`.
    public var initialWeights: [InitialWeight] { [InitialWeight("weight", weight)] }

    /// From the input's channels to the output's.
    public var channelFlow: ChannelFlow {
        .fixed(input: inputChannels, output: outputChannels)
    }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// The activation of the convolution of `x`, in one pass.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        try run(x, plans: plans, epilogue: Conv2dEpilogue(activation: activation))
    }

    func run(
        _ x: Tensor, plans: Conv2dPlanCache, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard x.rank == 3, x.shape[2] == inputChannels, x.shape[1] > 0 else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, length, \(inputChannels)]",
                found: x.shape)
        }
        return try traced(
            "Conv1d", path: label, input: x,
            cost: { cost(input: x, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            let row = try x.reshaped(to: [x.shape[0], 1, x.shape[1], x.shape[2]])
            let y = try Operations.conv2d(row, plans, epilogue: epilogue, layer: place)
            return try y.reshaped(to: [y.shape[0], y.shape[2], y.shape[3]])
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let parameters = weight.count + (bias?.count ?? 0)
        return Cost(
            multiplyAdds: output.count * geometry.fanIn, parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
