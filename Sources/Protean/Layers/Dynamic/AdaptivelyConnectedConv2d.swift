/// Adaptively connected convolution: a neighbourhood, the pixel itself and the whole map, combined
/// by learned weights, then batch norm and ReLU.
///
/// Wang, Wang, Lin, "Adaptively Connected Neural Networks", arXiv 1904.03579, in the two forms of
/// the authors' code (see ``Form``): both begin with a 3 × 3 convolution z of x and with
/// g = fc₂(relu(fc₁(globalAveragePool(x)))), and end with relu(batchNorm(…)).
///
/// - Data-set aware: `p₀ · z + p₁ · conv1×1(x) + p₂ · g`, where p is the softmax over three learned
///   values per output pixel, the same for all inputs; so the map's size is fixed.
/// - Pixel aware: `z + g · sigmoid(conv1×1(relu(conv1×1([z, g]))))`, where the gate is computed
///   from the input for every pixel and channel.
///
/// Input `[batch, height, width, inputChannels]`, output
/// `[batch, ⌈height / stride⌉, ⌈width / stride⌉, outputChannels]`: padding as TensorFlow's `SAME`.
/// Parameters (data-set aware) `z3`, `z1`, `fc1`, `fc3`, each `.weight` and `.bias`, `PPP`
/// `[3, 1, height', width']`, initially ones, and `sum.bn`; (pixel aware) `conv2`, `fc1`, `fc2`,
/// `conv_c1`, `conv_c2` and `conv2.bn`. These are the reference's variables in PyTorch's
/// convention: `W` is `weight`, `[out, in, …]`, and `gamma`, `beta`, `mean/EMA`, `variance/EMA` are
/// `weight`, `bias`, `running_mean`, `running_var`.
///
/// Equal shares of the three connections are the neutral case of the first form. Cost: the
/// convolutions, and 4 or 2 multiply-adds per output.
public final class AdaptivelyConnectedConv2d: Layer {
    /// What the weights of the connections depend on.
    public enum Form: Sendable, Equatable {
        /// On the position in the output map, whose size is given.
        case datasetAware(map: Size2d)
        /// On the input.
        case pixelAware
    }

    /// What the weights of the connections depend on.
    public let form: Form
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let connections: any AdaptiveConnections

    /// A layer with seeded weights and equal shares.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - form: what the weights of the connections depend on.
    ///   - stride: step of the convolutions.
    ///   - bias: whether the convolutions have biases; nil: as in the reference, with
    ///     ``Form/datasetAware(map:)`` they do.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, form: Form, stride: Int = 1, bias: Bool? = nil,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        self.form = form
        switch form {
        case .datasetAware(let map):
            try map.check(atLeast: 1, layer: "AdaptivelyConnectedConv2d", option: "map")
            connections = try DatasetAwareConnections(
                from: inputChannels, to: outputChannels, map: map, stride: stride,
                bias: bias ?? true, seed: seed)
        case .pixelAware:
            connections = try PixelAwareConnections(
                from: inputChannels, to: outputChannels, stride: stride, bias: bias ?? false,
                seed: seed)
        }
    }

    /// `PPP` of the data-set aware form.
    public var parameters: [NamedParameter] { connections.parameters }

    /// Convolutions, linear layers and the batch norm.
    public var submodules: [NamedModule] { connections.submodules }

    /// The combined connections of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: connections.inputChannels, layer: place)
        return try connections(x, place: place, label: label)
    }
}

/// One form of ``AdaptivelyConnectedConv2d``. `place` and `label` are the layer's.
protocol AdaptiveConnections: Sendable {
    var inputChannels: Int { get }
    var parameters: [NamedParameter] { get }
    var submodules: [NamedModule] { get }
    func callAsFunction(_ x: Tensor, place: String, label: Label?) throws(ProteanError) -> Tensor
}

extension AdaptiveConnections {
    /// A convolution with TensorFlow's padding.
    static func convolution(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1, bias: Bool, seed: UInt64
    ) throws(ProteanError) -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            stride: Size2d(stride), padding: .same, bias: bias, seed: seed)
    }
}
