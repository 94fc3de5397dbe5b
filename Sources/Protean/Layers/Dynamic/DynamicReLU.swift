/// Dynamic ReLU: a maximum of linear pieces whose slopes and offsets depend on the input.
///
/// `y[n, h, w, c] = π · max_k (a_k · x + b_k)`; the coefficients come from a two-layer network on
/// the means of the channels. Chen et al., "Dynamic ReLU", ECCV 2020 (arXiv 2003.10027).
///
/// - Type A: coefficients shared by all channels.
/// - Type B: coefficients per channel.
/// - Type C: as B, and a factor per pixel,
///   `π = clamp(height · width · softmax(norm(conv1x1(x))), 0, 3) / 3`.
///
/// Input and output `[batch, height, width, channels]`. With two maps, as DynamicHead uses the layer,
/// the coefficients and π are computed from one and applied to the other
/// (``callAsFunction(_:coefficientsFrom:)``). With zero weights in the second layer the layer is ReLU.
/// Cost: one multiply-add per element and piece, one read and one write of the map in addition to
/// the pooling's read.
public final class DynamicReLU: Layer {
    /// The values that share coefficients.
    public enum Kind: String, Sendable, CaseIterable {
        case a = "A"
        case b = "B"
        case c = "C"
    }

    /// The reference whose names, squashing function and order of coefficients a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// `fc1`, `fc2`, buffers `lambdas` and `init_v`; `init + λ · (2 · sigmoid − 1)`; per channel
        /// a₁ … a_K, b₁ … b_K. Types A and B.
        case islanna
        /// `fc.0`, `fc.2`, and for type C `spa.0`, `spa.1`; hard sigmoid; blocks a₁, b₁, a₂, b₂.
        /// Types B and C.
        case dyhead
    }

    /// The linear pieces of the function, and constants that the references take as arguments.
    public struct Pieces: Sendable, Equatable {
        /// Number of pieces: 1...4; the `dyhead` variant has 1 or 2 (`K2`).
        public var count: Int
        /// Whether pieces have offsets b_k (`use_bias`); the `islanna` variant always has.
        public var hasOffsets: Bool
        /// λ of the slopes (`lambda_a`). The `islanna` variant has it in its buffer `lambdas`, and
        /// 1 here.
        public var reach: Double
        /// Slopes of a network that says nothing (`init_a`), one per piece and as many more as one
        /// likes. The `islanna` variant has them in its buffer `init_v`.
        public var slopes: [Double]
        /// Offsets of a network that says nothing (`init_b`).
        public var offsets: [Double]

        /// The references' defaults.
        public init(
            count: Int = 2, hasOffsets: Bool = true, reach: Double = 1,
            slopes: [Double] = [1, 0, 0, 0], offsets: [Double] = [0, 0, 0, 0]
        ) {
            self.count = count
            self.hasOffsets = hasOffsets
            self.reach = reach
            self.slopes = slopes
            self.offsets = offsets
        }
    }

    /// The values that share coefficients.
    public let kind: Kind
    /// Names, squashing and order of coefficients.
    public let variant: Variant
    /// The linear pieces.
    public let pieces: Pieces
    /// Channels of the map from which coefficients are computed.
    public let channels: Int
    /// Channels of the map that is activated.
    public let outputChannels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let first, second: Linear
    // Buffers in one variant, constants in the other.
    private let lambdas, initial: Parameter
    private let spatial: SpatialFactor?

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - outputChannels: channels of the activated map, where that is another one (`dyhead`); nil
    ///     for the same number.
    ///   - reduction: the number of channels divided by the width between the two layers.
    ///   - kind: what the coefficients are shared over.
    ///   - variant: names, squashing and order of coefficients.
    ///   - pieces: the linear pieces.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``; a variant refuses
    ///   the types and pieces that its reference does not have.
    public init(
        channels: Int, outputChannels: Int? = nil, reduction: Int = 4, kind: Kind = .b,
        variant: Variant = .islanna, pieces: Pieces = Pieces(), seed: UInt64 = 0
    ) throws(ProteanError) {
        guard reduction >= 1, channels / reduction >= 1 else {
            throw .invalidOption(
                layer: "DynamicReLU", option: "reduction", expected: "1...\(channels)",
                found: "\(reduction)")
        }
        try Self.check(kind, variant, pieces)
        let width = outputChannels ?? channels
        try checkChannels(width, "outputChannels", layer: "DynamicReLU")
        guard variant == .dyhead || width == channels else {
            throw .invalidOption(
                layer: "DynamicReLU", option: "outputChannels",
                expected: "\(channels) for variant islanna", found: "\(width)")
        }
        self.kind = kind
        self.variant = variant
        self.pieces = pieces
        self.channels = channels
        self.outputChannels = width
        let hidden = Self.hiddenWidth(channels, reduction, variant)
        let perChannel = pieces.hasOffsets ? 2 * pieces.count : pieces.count
        first = try Linear(inputFeatures: channels, outputFeatures: hidden, seed: seed)
        second = try Linear(
            inputFeatures: hidden, outputFeatures: perChannel * (kind == .a ? 1 : width),
            seed: seed &+ 1)
        let offsetReach: Float = pieces.hasOffsets ? 0.5 : 0
        lambdas = Parameter(
            buffer: try Self.planes(pieces) { _ in
                Float(pieces.reach)
            } b: { _ in
                offsetReach
            })
        initial = Parameter(
            buffer: try Self.planes(pieces) {
                Float(pieces.slopes[$0])
            } b: {
                pieces.hasOffsets ? Float(pieces.offsets[$0]) : 0
            })
        spatial = kind == .c ? try SpatialFactor(channels: channels, seed: seed &+ 2) : nil
    }

    /// `[2 · K]`: a number per slope, then one per offset.
    private static func planes(
        _ pieces: Pieces, a: (Int) -> Float, b: (Int) -> Float
    ) throws(ProteanError) -> Tensor {
        let numbers = 0..<pieces.count
        return try Tensor(numbers.map(a) + numbers.map(b), shape: [2 * pieces.count])
    }

    private static func check(
        _ kind: Kind, _ variant: Variant, _ pieces: Pieces
    ) throws(ProteanError) {
        func refuse(_ option: String, _ expected: String, _ found: String) -> ProteanError {
            .invalidOption(
                layer: "DynamicReLU", option: option,
                expected: expected + " for variant \(variant.rawValue)", found: found)
        }
        let allowed: [Kind] = variant == .islanna ? [.a, .b] : [.b, .c]
        guard allowed.contains(kind) else {
            throw refuse(
                "type", allowed.map(\.rawValue).joined(separator: " or "), kind.rawValue)
        }
        let most = variant == .islanna ? 4 : 2
        guard (1...most).contains(pieces.count) else {
            throw refuse("pieces", "1...\(most)", "\(pieces.count)")
        }
        guard variant == .dyhead || pieces.hasOffsets else {
            throw refuse("hasOffsets", "true", "false")
        }
        guard variant == .dyhead || pieces.reach == 1 else {
            throw refuse("reach", "1", "\(pieces.reach)")
        }
        guard pieces.reach.isFinite, pieces.reach > 0 else {
            throw refuse("reach", "a finite number above 0", "\(pieces.reach)")
        }
        for (name, values) in [("slopes", pieces.slopes), ("offsets", pieces.offsets)]
        where values.count < pieces.count || !values.allSatisfy(\.isFinite) {
            throw refuse(name, "\(pieces.count) finite numbers or more", "\(values)")
        }
    }

    private static func hiddenWidth(_ channels: Int, _ reduction: Int, _ variant: Variant) -> Int {
        if variant == .islanna || reduction == 4 { return channels / reduction }
        return makeDivisible(Double(channels / reduction), by: 4)
    }

    /// The buffers of the `islanna` variant.
    public var parameters: [NamedParameter] {
        guard variant == .islanna else { return [] }
        return [NamedParameter("lambdas", lambdas), NamedParameter("init_v", initial)]
    }

    /// The two layers, and the spatial factor of type C.
    public var submodules: [NamedModule] {
        if variant == .islanna { return [NamedModule("fc1", first), NamedModule("fc2", second)] }
        let coefficients = [NamedModule("fc.0", first), NamedModule("fc.2", second)]
        return coefficients + (spatial.map { [NamedModule("spa", $0)] } ?? [])
    }

    /// The activated map; the coefficients come from `x` itself.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, also where the layer has been made for two
    ///   maps of different numbers of channels.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        return try callAsFunction(x, coefficientsFrom: x)
    }

    /// The activated map `x`, with coefficients and spatial factor computed from `guide`.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, outputChannels]`.
    ///   - guide: `[batch, …, channels]`; for type C of `x`'s height and width.
    /// - Throws: ``ProteanError`` when a map does not fit.
    public func callAsFunction(
        _ x: Tensor, coefficientsFrom guide: Tensor
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: outputChannels, layer: place)
        guard guide.rank == 4, guide.shape[3] == channels, guide.shape[0] == x.shape[0],
            spatial == nil || guide.shape[1..<3] == x.shape[1..<3]
        else {
            throw .shapeMismatch(
                layer: place, tensor: "guide",
                expected: spatial == nil
                    ? "[\(x.shape[0]), height, width, \(channels)]"
                    : "\(x.shape.dropLast() + [channels])",
                found: guide.shape)
        }
        let coefficients = try coefficients(of: guide)
        let factor = try spatial?.callAsFunction(guide)
        return try traced(
            "DynamicReLU", path: label, input: x,
            cost: { Cost(multiplyAdds: pieces.count * $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in
            try Operations.dynamicReLU(x, coefficients: coefficients, spatial: factor)
        }
    }

    /// The coefficients for the map `x`: `[batch, 2 · K, outputChannels]`, planes a₁ … a_K,
    /// b₁ … b_K (type A: one channel).
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func coefficients(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let pooled = try Operations.globalAveragePool(x)
        let squash: Activation = variant == .islanna ? .sigmoid : .hardSigmoid
        let u = try second(try first(pooled, activation: .relu), activation: squash)
        let order: Operations.CoefficientOrder =
            variant == .islanna ? .channelMajor : pieces.hasOffsets ? .blocks : .slopes
        return try Operations.dynamicReLUCoefficients(
            u, order: order, lambdas: lambdas.value, initial: initial.value)
    }
}

/// The factor per pixel of type C: clamp(h · w · softmax(norm(conv1x1(x))), 0, 3) / 3.
private final class SpatialFactor: Layer {
    private let conv: Conv2d
    private let norm: BatchNorm2d
    private let fused: FusedConv2d

    init(channels: Int, seed: UInt64) throws(ProteanError) {
        conv = try Conv2d(
            inputChannels: channels, outputChannels: 1, kernelSize: 1, seed: seed)
        norm = try BatchNorm2d(channels: 1)
        fused = try FusedConv2d(conv, norm)
    }

    var submodules: [NamedModule] { [NamedModule("0", conv), NamedModule("1", norm)] }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let logits = try fused(x)
        let pixels = x.shape[1] * x.shape[2]
        let share = try Operations.softmax(try logits.reshaped(to: [x.shape[0], pixels]))
        // The values are doubled, since relu6 clamps at 6 and the formula at 3.
        let scale = try Tensor(repeating: 2 * Float(pixels), shape: [1])
        let clamped = try Operations.activate(try Operations.multiply(share, scale), .relu6)
        let factor = try Operations.multiply(clamped, try Tensor(repeating: 1 / 6, shape: [1]))
        return try factor.reshaped(to: logits.shape)
    }
}
