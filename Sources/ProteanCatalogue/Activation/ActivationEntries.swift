import Protean

/// The entries of the activations, which differ only in name and function.
extension LayerEntry {
    static let relu = activation("ReLU", word: "relu", "torch.nn.ReLU", golden: ["relu"]) { _ in
        ReLU()
    }

    static let relu6 = activation(
        "ReLU6", word: "relu6", "torch.nn.ReLU6", papers: ["1801.04381"], golden: ["relu6"]
    ) { _ in ReLU6() }

    static let leakyReLU = activation(
        "LeakyReLU", word: "leaky_relu", "torch.nn.LeakyReLU",
        keys: [.optional("negative_slope", .number(0.01), "factor of numbers below 0")],
        golden: ["leaky_relu", "leaky_relu_slope"]
    ) { LeakyReLU(negativeSlope: Float(try $0.number("negative_slope"))) }

    static let sigmoid = activation(
        "Sigmoid", word: "sigmoid", "torch.nn.Sigmoid", isInPlace: false, golden: ["sigmoid"]
    ) { _ in Sigmoid() }

    static let hardSigmoid = activation(
        "HardSigmoid", word: "hard_sigmoid", "torch.nn.Hardsigmoid", papers: ["1905.02244"],
        golden: ["hard_sigmoid"]
    ) { _ in HardSigmoid() }

    static let hardSwish = activation(
        "HardSwish", word: "hard_swish", "torch.nn.Hardswish", papers: ["1905.02244"],
        golden: ["hard_swish"]
    ) { _ in HardSwish() }

    static let silu = activation(
        "SiLU", word: "silu", "torch.nn.SiLU", papers: ["1710.05941"], golden: ["silu"]
    ) { _ in SiLU() }

    static let gelu = activation(
        "GELU", word: "gelu", "torch.nn.GELU", papers: ["1606.08415"], isInPlace: false,
        keys: [
            .optional("approximate", "none", "\"none\" or \"tanh\", as the function is computed")
        ],
        golden: ["gelu", "gelu_tanh"]
    ) { GELU(approximate: try $0.choice("approximate", of: GELU.Approximation.self)) }

    static let mish = activation(
        "Mish", word: "mish", "torch.nn.Mish", papers: ["1908.08681"], golden: ["mish"]
    ) { _ in Mish() }

    static let tanh = activation(
        "Tanh", word: "tanh", "torch.nn.Tanh", isInPlace: false, golden: ["tanh"]
    ) { _ in Tanh() }

    static let softplus = activation(
        "Softplus", word: "softplus", "torch.nn.Softplus", isInPlace: false,
        keys: [
            .optional("beta", .number(1), "factor of x, above 0"),
            .optional("threshold", .number(20), "x itself is returned for beta · x above this"),
        ],
        golden: ["softplus", "softplus_options", "softplus_threshold"]
    ) {
        try Softplus(beta: Float($0.number("beta")), threshold: Float($0.number("threshold")))
    }

    static let elu = activation(
        "ELU", word: "elu", "torch.nn.ELU", papers: ["1511.07289"],
        keys: [.optional("alpha", .number(1), "the negative of the limit at minus infinity")],
        golden: ["elu", "elu_alpha"]
    ) { ELU(alpha: Float(try $0.number("alpha"))) }

    static let celu = activation(
        "CELU", word: "celu", "torch.nn.CELU", papers: ["1704.07483"],
        keys: [
            .optional("alpha", .number(1), "the negative of the limit at minus infinity, above 0")
        ],
        golden: ["celu", "celu_alpha"]
    ) { try CELU(alpha: Float($0.number("alpha"))) }

    static let selu = activation(
        "SELU", word: "selu", "torch.nn.SELU", papers: ["1706.02515"], golden: ["selu"]
    ) { _ in SELU() }

    static let hardtanh = activation(
        "Hardtanh", word: "hardtanh", "torch.nn.Hardtanh",
        keys: [
            .optional("min_val", .number(-1), "the smallest result", aliases: "minimum"),
            .optional("max_val", .number(1), "the largest result", aliases: "maximum"),
        ],
        golden: ["hardtanh", "hardtanh_options"]
    ) {
        try Hardtanh(
            minimum: Float($0.number("min_val")), maximum: Float($0.number("max_val")))
    }

    static let identity = activation(
        "Identity", word: "none", "torch.nn.Identity", isInPlace: false,
        golden: ["identity", "identity_empty"]
    ) { _ in Identity() }

    /// - Parameters:
    ///   - word: the function's name in the case grammar of `kernelbench`.
    ///   - isInPlace: whether the reference has an argument `inplace`, which does not change
    ///     values.
    private static func activation(
        _ name: String, word: String, _ reference: String, papers: [Paper] = [],
        isInPlace: Bool = true, keys: [ConfigurationKey] = [], golden: [String],
        build: @escaping @Sendable (LayerConfiguration) throws -> any ActivationLayer
    ) -> LayerEntry {
        LayerEntry(
            name, family: .activation, reference: reference, summary: .elementwise,
            papers: papers, keys: keys + (isInPlace ? [.inPlace] : []), inputs: [.anyShape],
            outputs: [.sameShape], golden: golden,
            benchmark: .kernel("activation", "h=56 w=56 c=96 activation=\(word)"),
            test: "ActivationLayerTests"
        ) { configuration in
            if isInPlace { _ = try configuration.bool("inplace") }
            let layer = try build(configuration)
            return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
        }
    }
}

extension LayerEntry.Summary {
    /// The activations' row in README.md.
    static let elementwise = LayerEntry.Summary.fixed(
        "element-wise, or fused into the layer in front")
}

extension ConfigurationKey {
    /// PyTorch's `inplace`, which saves memory in PyTorch and does not change values.
    static let inPlace = ConfigurationKey.optional(
        "inplace", false, "true or false; changes no values")
}

extension LayerEntry.TensorDescription {
    /// A tensor of any shape.
    static let anyShape = LayerEntry.TensorDescription("x", "[...]")
    /// The result of a layer that keeps the shape.
    static let sameShape = LayerEntry.TensorDescription("y", "[...], as x")
    /// Rows, or a map; in PyTorch channels are the second axis of both.
    static let rowsOrMap = LayerEntry.TensorDescription("x", "[B, C] or [B, C, H, W]")
}
