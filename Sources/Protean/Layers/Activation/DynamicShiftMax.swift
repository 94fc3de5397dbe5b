/// Dynamic shift-max: the maximum of two mixtures of a channel with a channel of the next group,
/// whose weights are computed from the channels' means.
///
/// `y = max over k of ((a_k + α_k) · x + (b_k + β_k) · shifted(x))`, where α, β are the options
/// `initialOwn`, `initialShifted` and `(a, b) = reach · (2 · hardSigmoid(W₂ · relu(W₁ · mean(x))) −
/// 1)`. Li, Chen, Dai, Chen, Liu, Yuan, Liu, Zhang, Vasconcelos, "MicroNet: Improving Image
/// Recognition with Extremely Low FLOPs", ICCV 2021 (arXiv 2108.05894).
///
/// The channels are cut into groups of n; member m of group q is mixed with member (m + 1) mod n of
/// group (q + 1) mod groups, as in the reference, which shifts groups *and* members. Input and
/// output `[batch, height, width, channels]`. Parameters `fc.0`, `fc.2`, linear layers of width
/// max(4, channels / reduction rounded to a multiple of 4) and 2 or 4 times the channels, in blocks
/// a₁, b₁, a₂, b₂. Cost: those of the two linear layers, two multiply-adds per element and mixture,
/// and one read and one write of the map in addition to the pooling's read.
public final class DynamicShiftMax: Layer {
    /// Constants of the reference.
    public struct Options: Sendable, Equatable {
        /// Half the width of the range of the computed weights (`act_max`). The published networks
        /// have 2.
        public var reach: Double
        /// Whether there are two mixtures and the maximum of them (`act_relu`), or one.
        public var isMaximum: Bool
        /// Added to a₁ and a₂ (`init_a`).
        public var initialOwn: [Double]
        /// Added to b₁ and b₂ (`init_b`).
        public var initialShifted: [Double]
        /// Whether a ReLU comes first (`relu_before_pool`). As the reference's works in place, it
        /// changes the activated map too, not only its means.
        public var rectifiesFirst: Bool

        /// The reference's defaults.
        public init(
            reach: Double = 1, isMaximum: Bool = true, initialOwn: [Double] = [0, 0],
            initialShifted: [Double] = [0, 0], rectifiesFirst: Bool = false
        ) {
            self.reach = reach
            self.isMaximum = isMaximum
            self.initialOwn = initialOwn
            self.initialShifted = initialShifted
            self.rectifiesFirst = rectifiesFirst
        }
    }

    /// Channels of the map.
    public let channels: Int
    /// Number of groups.
    public let groups: Int
    /// Constants of the reference.
    public let options: Options
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let first, second: Linear
    private let lambdas, initial: Tensor

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - groups: a divisor of the channels. The reference takes the second number of its option
    ///     `g`, or with `expansion` the channels divided by it.
    ///   - reduction: channels over the width between the two layers.
    ///   - options: constants of the reference.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, groups: Int, reduction: Int = 4, options: Options = Options(),
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "DynamicShiftMax"
        try checkChannels(channels, "channels", layer: layer)
        try checkChannels(reduction, "reduction", layer: layer)
        guard groups >= 1, channels % groups == 0 else {
            throw .invalidOption(
                layer: layer, option: "groups",
                expected: "a divisor of the \(channels) channels", found: "\(groups)")
        }
        try Self.check(options)
        self.channels = channels
        self.groups = groups
        self.options = options
        let pieces = options.isMaximum ? 2 : 1
        let hidden = makeDivisible(Double(channels / reduction), by: 4)
        first = try Linear(inputFeatures: channels, outputFeatures: hidden, seed: seed)
        second = try Linear(
            inputFeatures: hidden, outputFeatures: 2 * pieces * channels, seed: seed &+ 1)
        lambdas = try Tensor(repeating: Float(options.reach), shape: [2 * pieces])
        let constants = options.initialOwn.prefix(pieces) + options.initialShifted.prefix(pieces)
        initial = try Tensor(constants.map { Float($0) }, shape: [2 * pieces])
    }

    private static func check(_ options: Options) throws(ProteanError) {
        guard options.reach.isFinite, options.reach > 0 else {
            throw .invalidOption(
                layer: "DynamicShiftMax", option: "reach", expected: "a finite number above 0",
                found: "\(options.reach)")
        }
        for (name, values) in [
            ("initialOwn", options.initialOwn), ("initialShifted", options.initialShifted),
        ] where values.count != 2 || !values.allSatisfy(\.isFinite) {
            throw .invalidOption(
                layer: "DynamicShiftMax", option: name, expected: "two finite numbers",
                found: "\(values)")
        }
    }

    /// `fc.0` and `fc.2`.
    public var submodules: [NamedModule] {
        [NamedModule("fc.0", first), NamedModule("fc.2", second)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The mixtures' weights for `x`, constants included: `[batch, 2 · K, channels]`, the rows
    /// a₁ … a_K, then b₁ … b_K, with K 2 or 1.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func coefficients(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let pooled = try Operations.globalAveragePool(
            options.rectifiesFirst ? try Operations.activate(x, .relu) : x)
        return try coefficients(pooled: pooled)
    }

    private func coefficients(pooled: Tensor) throws(ProteanError) -> Tensor {
        let u = try second(try first(pooled, activation: .relu), activation: .hardSigmoid)
        return try Operations.dynamicReLUCoefficients(
            u, order: .blocks, lambdas: lambdas, initial: initial)
    }

    /// The activated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let x = options.rectifiesFirst ? try Operations.activate(x, .relu) : x
        let coefficients = try coefficients(pooled: try Operations.globalAveragePool(x))
        let products = coefficients.shape[1]
        return try traced(
            "DynamicShiftMax", path: label, input: x,
            cost: { Cost(multiplyAdds: products * $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in
            try Operations.shiftMax(x, coefficients: coefficients, groups: groups)
        }
    }
}
