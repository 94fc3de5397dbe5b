/// CBAM: a gate per channel, then a gate per pixel.
///
/// `x' = x · sigmoid(MLP(mean(x)) + MLP(max(x)))`, mean and maximum over height and width;
/// `y = x' · sigmoid(BN(conv([mean(x'), max(x')])))`, mean and maximum over the channels. Woo,
/// Park, Lee, Kweon, "CBAM: Convolutional Block Attention Module", ECCV 2018, arXiv 1807.06521.
///
/// Input and output `[batch, height, width, channels]`, at least one pixel. The batch norm within
/// the spatial gate is part of both references. Cost per sample: 4 · channels · squeezeChannels
/// multiply-adds for the MLP, 2 · kernelSize² per pixel for the convolution; the map is read three
/// times and written once: both gates are applied in one pass.
public final class CBAM: AxisGate {
    /// The reference whose names and details a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// The authors': linear layers with bias `ChannelGate.mlp.1` and `.3`, a convolution
        /// `SpatialGate.spatial.conv` that takes the maximum first.
        case original
        /// timm's `CbamModule`: 1 × 1 convolutions `channel.fc1` and `fc2`, a convolution
        /// `spatial.conv.conv` that takes the mean first.
        case timm
        /// timm's `LightCbamModule`: half the mean plus half the maximum in both gates.
        case timmLight = "timm_light"
    }

    /// Options beyond the sizes.
    public struct Options: Sendable, Equatable {
        /// Between the two layers of the MLP.
        public var activation: Activation
        /// The last step of both gates.
        public var gate: Activation
        /// Whether the MLP's layers have a bias; nil for the variant's default: only the
        /// original's.
        public var bias: Bool?
        /// Whether the channel gate uses the mean; not in ``Variant/timmLight``, which uses both.
        public var usesMean: Bool
        /// Whether the channel gate uses the maximum.
        public var usesMaximum: Bool
        /// Whether there is a gate per pixel.
        public var isSpatial: Bool
        /// Height and width of the spatial gate's convolution, odd.
        public var kernelSize: Int

        /// The paper's options.
        public init(
            activation: Activation = .relu, gate: Activation = .sigmoid, bias: Bool? = nil,
            usesMean: Bool = true, usesMaximum: Bool = true, isSpatial: Bool = true,
            kernelSize: Int = 7
        ) {
            self.activation = activation
            self.gate = gate
            self.bias = bias
            self.usesMean = usesMean
            self.usesMaximum = usesMaximum
            self.isSpatial = isSpatial
            self.kernelSize = kernelSize
        }
    }

    /// Channels of the map.
    public let channels: Int
    /// Channels between the two layers of the MLP.
    public let squeezeChannels: Int
    /// The reference.
    public let variant: Variant
    /// Options beyond the sizes.
    public let options: Options
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let reduce, expand: Projection
    private let network: GateNetwork
    private let spatial: PlaneConvolution?

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - squeezeChannels: channels between the two layers of the MLP; nil for a sixteenth,
    ///     rounded as the reference does: down by the original, to the nearest, but at least 1, by
    ///     timm.
    ///   - variant: the reference.
    ///   - options: options beyond the sizes.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, squeezeChannels: Int? = nil, variant: Variant = .original,
        options: Options = Options(), seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "CBAM")
        let isOriginal = variant == .original
        let width =
            squeezeChannels
            ?? (isOriginal
                ? channels / 16 : makeDivisible(Double(channels) / 16, by: 1, roundLimit: 0))
        try checkChannels(width, "squeezeChannels", layer: "CBAM")
        guard options.usesMean || options.usesMaximum,
            variant != .timmLight || (options.usesMean && options.usesMaximum)
        else {
            throw .invalidOption(
                layer: "CBAM", option: "usesMean, usesMaximum",
                expected: variant == .timmLight ? "both" : "at least one",
                found: "\(options.usesMean), \(options.usesMaximum)")
        }
        guard variant != .timmLight || options.gate == .sigmoid else {
            throw .invalidOption(
                layer: "CBAM", option: "gate", expected: "sigmoid, which the light form always has",
                found: "\(options.gate)")
        }
        self.channels = channels
        self.squeezeChannels = width
        self.variant = variant
        self.options = options
        let bias = options.bias ?? isOriginal
        reduce = try Projection(
            from: channels, to: width, linear: isOriginal, bias: bias, seed: seed)
        expand = try Projection(
            from: width, to: channels, linear: isOriginal, bias: bias, seed: seed &+ 1)
        network = GateNetwork([
            GateNetwork.Stage(reduce, options.activation), GateNetwork.Stage(expand),
        ])
        let order: PlaneConvolution.Order =
            switch variant {
            case .original: .maximumFirst
            case .timm: .meanFirst
            case .timmLight: .average
            }
        spatial =
            options.isSpatial
            ? try PlaneConvolution(
                size: options.kernelSize, order: order, layer: "CBAM", seed: seed &+ 2) : nil
    }

    /// The parts under the variant's names.
    public var submodules: [NamedModule] {
        let isOriginal = variant == .original
        let names =
            isOriginal
            ? ["ChannelGate.mlp.1", "ChannelGate.mlp.3", "SpatialGate.spatial"]
            : ["channel.fc1", "channel.fc2", "spatial.conv"]
        return [NamedModule(names[0], reduce.module), NamedModule(names[1], expand.module)]
            + (spatial.map { [NamedModule(names[2], $0)] } ?? [])
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// For the gate per pixel; the pooling counts its own.
    public var mapReads: Int { spatial == nil ? 0 : 1 }

    /// Gates per channel and per pixel, which multiply.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func axisGates(of x: Tensor) throws(ProteanError) -> AxisGates {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        let channelGates = try channelGates(of: x)
        guard let spatial else { return AxisGates(channels: channelGates) }
        let planes = try Operations.pixelStatistics(x, gates: channelGates)
        return AxisGates(
            channels: channelGates, pixels: try spatial(planes, options.gate, layer: place))
    }

    private func channelGates(of x: Tensor) throws(ProteanError) -> Tensor {
        var statistics: ChannelStatistics = []
        if options.usesMean { statistics.insert(.mean) }
        if options.usesMaximum { statistics.insert(.maximum) }
        let (n, count) = (x.shape[0], statistics.count)
        let isLight = variant == .timmLight
        let sums = try traced(
            typeName, path: label, input: x,
            cost: { network.cost(batch: $0.shape[0]) + .moving(x, $0) }
        ) { () throws(ProteanError) in
            let pooled = try Operations.channelStatistics(x, statistics)
            return try network(
                isLight
                    ? Operations.mean(pooled, axes: [1])
                    : pooled.reshaped(to: [n * count, channels]))
        }
        guard count == 2, !isLight else {
            return try Operations.activate(sums, options.gate)
        }
        let parts = try Operations.split(
            sums.reshaped(to: [n, 2, channels]), sizes: [1, 1], axis: 1)
        return try Operations.add(parts[0], parts[1], activation: options.gate)
            .reshaped(to: [n, channels])
    }
}
