/// Dynamic ReLU: a maximum of linear pieces whose slopes and offsets depend on the input.
///
/// `y[n, h, w, c] = π · max_k (a_k · x + b_k)`; the coefficients come from a two-layer network on
/// the means of the channels. Chen et al., "Dynamic ReLU", arXiv 2003.10027.
///
/// - Type A: coefficients shared by all channels.
/// - Type B: coefficients per channel.
/// - Type C: as B, and a factor per pixel,
///   `π = clamp(height · width · softmax(norm(conv1x1(x))), 0, 3) / 3`.
///
/// Input and output `[batch, height, width, channels]`. With zero weights in the second layer the
/// layer is ReLU. Cost: two multiply-adds per element and piece, one read and one write of the map
/// in addition to the pooling's read.
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
        /// a₁, a₂, b₁, b₂. Types A and B.
        case islanna
        /// `fc.0`, `fc.2`, and for type C `spa.0`, `spa.1`; hard sigmoid; blocks a₁, b₁, a₂, b₂.
        /// Types B and C.
        case dyhead
    }

    /// The values that share coefficients.
    public let kind: Kind
    /// Names, squashing and order of coefficients.
    public let variant: Variant
    /// Channels of the map.
    public let channels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private static let pieces = 2
    private let first, second: Linear
    // Buffers in one variant, constants in the other.
    private let lambdas, initial: Parameter
    private let spatial: SpatialFactor?

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - reduction: the number of channels divided by the width between the two layers.
    ///   - kind: what the coefficients are shared over.
    ///   - variant: names, squashing and order of coefficients.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``; a variant refuses
    ///   the types that its reference does not have.
    public init(
        channels: Int, reduction: Int = 4, kind: Kind = .b, variant: Variant = .islanna,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        guard reduction >= 1, channels / reduction >= 1 else {
            throw .invalidOption(
                layer: "DynamicReLU", option: "reduction", expected: "1...\(channels)",
                found: "\(reduction)")
        }
        let allowed: [Kind] = variant == .islanna ? [.a, .b] : [.b, .c]
        guard allowed.contains(kind) else {
            throw .invalidOption(
                layer: "DynamicReLU", option: "type",
                expected: allowed.map(\.rawValue).joined(separator: " or ")
                    + " for variant \(variant.rawValue)",
                found: kind.rawValue)
        }
        self.kind = kind
        self.variant = variant
        self.channels = channels
        let hidden = Self.hiddenWidth(channels, reduction, variant)
        let outputs = 2 * Self.pieces * (kind == .a ? 1 : channels)
        first = try Linear(inputFeatures: channels, outputFeatures: hidden, seed: seed)
        second = try Linear(inputFeatures: hidden, outputFeatures: outputs, seed: seed &+ 1)
        lambdas = Parameter(buffer: try Tensor([1, 1, 0.5, 0.5], shape: [4]))
        initial = Parameter(buffer: try Tensor([1, 0, 0, 0], shape: [4]))
        spatial = kind == .c ? try SpatialFactor(channels: channels, seed: seed &+ 2) : nil
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
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let coefficients = try coefficients(of: x)
        let factor = try spatial?.callAsFunction(x)
        return try traced(
            "DynamicReLU", path: label, input: x,
            cost: { Cost(multiplyAdds: Self.pieces * $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in
            try Operations.dynamicReLU(x, coefficients: coefficients, spatial: factor)
        }
    }

    /// The coefficients of `x`: `[batch, 4, channels]`, planes a₁, a₂, b₁, b₂ (type A: channels 1).
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func coefficients(of x: Tensor) throws(ProteanError) -> Tensor {
        let pooled = try Operations.globalAveragePool(x)
        let squash: Activation = variant == .islanna ? .sigmoid : .hardSigmoid
        let u = try second(try first(pooled, activation: .relu), activation: squash)
        return try Operations.dynamicReLUCoefficients(
            u, order: variant == .islanna ? .channelMajor : .blocks, lambdas: lambdas.value,
            initial: initial.value)
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
