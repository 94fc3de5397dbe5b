/// Coordinate attention: a gate per channel and row times a gate per channel and column.
///
/// Means over the width, one per row, and over the height, one per column, pass one after the other
/// through `u = hswish(BN(conv1(means)))`; then
/// `y = x · sigmoid(conv_h(u_rows)) · sigmoid(conv_w(u_columns))`. Hou, Zhou, Feng, "Coordinate
/// Attention for Efficient Mobile Network Design", CVPR 2021, arXiv 2103.02907.
///
/// Input and output `[batch, height, width, channels]`, at least one pixel. Cost per sample:
/// (height + width) · squeezeChannels · 2 · channels multiply-adds, two per element; the map is
/// read twice, once for both means and once for both gates, and written once.
public final class CoordinateAttention: AxisGate {
    /// The reference whose names and details a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// The authors' `CoordAtt`: `conv1`, `bn1`, `conv_h`, `conv_w`, with bias.
        case original
        /// timm's `CoordAttn`: the same names, without bias.
        case timm
        /// timm's `SimpleCoordAttn`: linear layers `fc1`, `fc_h`, `fc_w` with bias, SiLU, no norm,
        /// and one gate `sigmoid(fc_h + fc_w)` per element.
        case timmSimple = "timm_simple"
    }

    /// Channels of the map.
    public let channels: Int
    /// Channels between the layers.
    public let squeezeChannels: Int
    /// The reference.
    public let variant: Variant
    /// After the first layer.
    public let activation: Activation
    /// The last step of both gates.
    public let gate: Activation
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let first, rows, columns: Projection
    private let norm: BatchNorm2d?
    /// Both layers of the gates of rows and of columns.
    private let rowNetwork, columnNetwork: GateNetwork

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - squeezeChannels: channels between the layers; nil for the reference's default:
    ///     channels / 32, but at least 8, by the original; a multiple of 8 near channels / 24 or
    ///     channels / 6 by timm.
    ///   - variant: the reference.
    ///   - activation: after the first layer; nil for the reference's, hard swish or SiLU.
    ///   - gate: the last step of both gates; the sigmoid for ``Variant/timmSimple``.
    ///   - bias: whether the layers have one; nil for the variant's default.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, squeezeChannels: Int? = nil, variant: Variant = .original,
        activation: Activation? = nil, gate: Activation = .sigmoid, bias: Bool? = nil,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "CoordinateAttention")
        let width = squeezeChannels ?? Self.defaultWidth(channels, variant)
        try checkChannels(width, "squeezeChannels", layer: "CoordinateAttention")
        let isSimple = variant == .timmSimple
        guard !isSimple || gate == .sigmoid else {
            throw .invalidOption(
                layer: "CoordinateAttention", option: "gate",
                expected: "sigmoid for the simple form", found: "\(gate)")
        }
        self.channels = channels
        self.squeezeChannels = width
        self.variant = variant
        self.activation = activation ?? (isSimple ? .silu : .hardSwish)
        self.gate = gate
        let bias = bias ?? (variant != .timm)
        first = try Projection(
            from: channels, to: width, linear: isSimple, bias: bias, seed: seed)
        rows = try Projection(
            from: width, to: channels, linear: isSimple, bias: bias, seed: seed &+ 1)
        columns = try Projection(
            from: width, to: channels, linear: isSimple, bias: bias, seed: seed &+ 2)
        norm = isSimple ? nil : try BatchNorm2d(channels: width)
        let shared = GateNetwork.Stage(first, norm: norm, self.activation)
        let last: Activation = isSimple ? .identity : gate
        rowNetwork = GateNetwork([shared, .init(rows, last)])
        columnNetwork = GateNetwork([shared, .init(columns, last)])
    }

    private static func defaultWidth(_ channels: Int, _ variant: Variant) -> Int {
        switch variant {
        case .original: max(8, channels / 32)
        case .timm: makeDivisible(Double(channels) / 16 * 2 / 3, by: 8, roundLimit: 0)
        case .timmSimple: makeDivisible(Double(channels) / 4 * 2 / 3, by: 8, roundLimit: 0)
        }
    }

    /// The parts under the variant's names.
    public var submodules: [NamedModule] {
        let names =
            variant == .timmSimple ? ["fc1", "fc_h", "fc_w"] : ["conv1", "conv_h", "conv_w"]
        return [NamedModule(names[0], first.module)] + (norm.map { [NamedModule("bn1", $0)] } ?? [])
            + [NamedModule(names[1], rows.module), NamedModule(names[2], columns.module)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// Gates per channel and row and per channel and column.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func axisGates(of x: Tensor) throws(ProteanError) -> AxisGates {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        let means = try Operations.stripMeans(x)
        let parts = try Operations.split(means, sizes: [x.shape[1], x.shape[2]], axis: 1)
        return AxisGates(
            rows: try gates(parts[0], rowNetwork), columns: try gates(parts[1], columnNetwork),
            combination: variant == .timmSimple ? .sigmoidOfSum : .product)
    }

    /// The network at every place of `[batch, places, 1, channels]`.
    private func gates(
        _ means: Tensor, _ network: GateNetwork
    ) throws(ProteanError) -> Tensor {
        let places = means.shape[0] * means.shape[1]
        return try traced(
            typeName, path: label, input: means,
            cost: { network.cost(batch: places) + .moving(means, $0) }
        ) { () throws(ProteanError) in
            let gates = try network(try means.reshaped(to: [places, channels]))
            return try gates.reshaped(to: means.shape)
        }
    }
}
