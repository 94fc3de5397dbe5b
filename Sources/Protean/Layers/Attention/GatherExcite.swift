/// Gather-excite (GE): the map gathered over an extent becomes a gate for that extent.
///
/// `y = x · gate(upsample(mlp(gather(x))))`. Hu, Shen, Albanie, Sun, Vedaldi, "Gather-Excite",
/// arXiv 1810.12348, with timm's options:
///
/// - extent 0: the whole map is gathered, by means, or by a depthwise convolution as large as the map
///   with a batch norm after it, which ties the layer to one size of maps;
/// - extent e > 0: means of windows of 2e − 1 at distances of e (without padding), or log₂ e depthwise
///   3 × 3 convolutions of stride 2, each followed by a batch norm and all but the last by ReLU.
///
/// The optional network has two 1 × 1 convolutions, `W₂ · act(W₁ · … + b₁) + b₂`. Gathered maps are
/// enlarged to the map's size by the nearest value (row ⌊i · h / height⌋).
///
/// Input and output `[batch, height, width, channels]`. Keys as in timm: `gather.conv<i>.weight`,
/// `gather.norm<i>.*`, `mlp.fc1.*`, `mlp.fc2.*`. Cost: two reads and one write of the map with extent
/// 0; with an extent, also the enlarged gates' write and read. Without parameters and network
/// constant maps have the same gate everywhere; a map of one pixel gathers itself.
public final class GatherExcite: SelfGating {
    /// Channels of the map.
    public let channels: Int
    /// Distance between gathered positions; 0: one for the whole map.
    public let extent: Int
    /// Size of the maps, where the gathering convolution fixes it.
    public let mapSize: Size2d?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let gatherer: Gatherer
    private let reduce, expand: Projection?
    private let network: GateNetwork?
    private let steps: [FusedConv2d]
    private let gate: Activation

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - extent: 0 for the whole map, or an even number up to 2²⁰; a power of two with
    ///     parameters.
    ///   - hasParameters: whether depthwise convolutions gather, instead of means.
    ///   - mapSize: height and width of the maps; needed, and allowed, with parameters at extent 0
    ///     only.
    ///   - hiddenChannels: channels between the two layers of the network; nil for no network.
    ///   - addMaximum: gathers half the mean plus half the maximum; without parameters only.
    ///   - activation: in the network and between gathering convolutions.
    ///   - gate: after the network.
    ///   - hasNorm: whether batch norms follow the gathering convolutions.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, extent: Int = 0, hasParameters: Bool = false, mapSize: Size2d? = nil,
        hiddenChannels: Int?, addMaximum: Bool = false, activation: Activation = .relu,
        gate: Activation = .sigmoid, hasNorm: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "GatherExcite"
        try checkChannels(channels, "channels", layer: layer)
        if let hiddenChannels { try checkChannels(hiddenChannels, "hiddenChannels", layer: layer) }
        self.channels = channels
        self.extent = extent
        self.mapSize = mapSize
        self.gate = gate
        gatherer = try Gatherer(
            channels, extent, hasParameters, mapSize, addMaximum, activation, hasNorm, seed)
        guard let hidden = hiddenChannels else {
            (reduce, expand, network, steps) = (nil, nil, nil, [])
            return
        }
        let first = try Conv2d(
            inputChannels: channels, outputChannels: hidden, kernelSize: 1, seed: seed &+ 100)
        let second = try Conv2d(
            inputChannels: hidden, outputChannels: channels, kernelSize: 1, seed: seed &+ 101)
        reduce = .convolution(first)
        expand = .convolution(second)
        network = GateNetwork([
            .init(.convolution(first), activation), .init(.convolution(second), gate),
        ])
        steps = [try FusedConv2d(first, nil, activation), try FusedConv2d(second, nil, gate)]
    }

    /// `gather` if it has parameters, `mlp.fc1` and `mlp.fc2` if there is a network.
    public var submodules: [NamedModule] {
        gatherer.modules
            + (reduce.map { [NamedModule("mlp.fc1", $0.module)] } ?? [])
            + (expand.map { [NamedModule("mlp.fc2", $0.module)] } ?? [])
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gates of `x`: `[batch, channels]` where the whole map is gathered, else one per element.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try check(x)
        let gathered = try gatherer(x, layer: typeName, label: label, place: place)
        if gathered.shape[1] == 1 && gathered.shape[2] == 1 {
            return try vectorGates(gathered.reshaped(to: [x.shape[0], channels]))
        }
        var gates = gathered
        for step in steps { gates = try step(gates) }
        if steps.isEmpty { gates = try Operations.activate(gates, gate) }
        let size = Size2d(height: x.shape[1], width: x.shape[2])
        if gates.shape == x.shape { return gates }
        return try Operations.resize(gates, to: size, mode: .nearest)
    }

    private func vectorGates(_ gathered: Tensor) throws(ProteanError) -> Tensor {
        guard let network else { return try Operations.activate(gathered, gate) }
        return try traced(
            typeName, path: label, input: gathered,
            cost: { network.cost(batch: $0.shape[0]) + .moving(gathered, $0) }
        ) { () throws(ProteanError) in try network(gathered) }
    }

    private func check(_ x: Tensor) throws(ProteanError) {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        if let mapSize, x.shape[1] != mapSize.height || x.shape[2] != mapSize.width {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, \(mapSize.height), \(mapSize.width), \(channels)]",
                found: x.shape)
        }
    }
}
