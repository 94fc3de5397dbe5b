/// A convolution whose kernel a ``HyperNetwork`` generates from embeddings.
///
/// The kernel consists of rows · columns blocks `[outputs, inputs, k, k]` of the network: block
/// (i, j), made from embedding i · columns + j, computes output channels from i · outputs on from input
/// channels from j · inputs on. Ha, Dai, Le, "HyperNetworks", arXiv 1609.09106; names as
/// g1910/HyperNetworks.
///
/// Input `[batch, height, width, columns · inputs]`, output
/// `[batch, height', width', rows · outputs]` as for ``Conv2d``. Parameters: `z_list.0` …, `[zSize]`
/// each, and the network's under `hope` if the layer includes it. No bias.
///
/// The kernel depends on parameters only: it is generated and packed when one of them has changed,
/// not at every call; so it equals a ``Conv2d`` with that kernel in results and in cost.
public final class HyperNetworkConv2d: Layer {
    /// Channels, kernel size, stride and padding.
    public let geometry: Conv2dGeometry
    /// The network that generates the kernel; other layers may share it.
    public let network: HyperNetwork
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let rows: Int, columns: Int
    private let embeddings: [Parameter]
    private let includesNetwork: Bool
    private let plans = Derived<Key, Conv2dPlanCache>(capacity: 2)

    private struct Key: Equatable, Sendable {
        let isa: KernelISA
        let versions: Int
    }

    /// A layer with seeded embeddings in ±1.
    ///
    /// - Parameters:
    ///   - network: generates the kernel.
    ///   - rows: blocks of output channels, 1...4096.
    ///   - columns: blocks of input channels, 1...4096.
    ///   - stride: of the convolution.
    ///   - padding: of the convolution; 1 in the reference.
    ///   - includesNetwork: whether the network's parameters are this layer's, under `hope`; false where a
    ///     model owns the network, which may occur under one name only.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        network: HyperNetwork, rows: Int = 1, columns: Int = 1, stride: Size2d = 1,
        padding: Padding2d = 1, includesNetwork: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "HyperNetworkConv2d"
        try checkOption(rows, "rows", in: 1...4096, layer: layer)
        try checkOption(columns, "columns", in: 1...4096, layer: layer)
        geometry = try Conv2dGeometry(
            inputChannels: columns * network.inputs, outputChannels: rows * network.outputs,
            kernelSize: Size2d(network.kernelSize), stride: stride, padding: padding, layer: layer)
        self.network = network
        self.rows = rows
        self.columns = columns
        self.includesNetwork = includesNetwork
        var embeddings: [Parameter] = []
        for index in 0..<rows * columns {
            embeddings.append(
                try Parameter(
                    uniform: [network.zSize], in: -1...1, seed: seed &+ UInt64(index),
                    layer: layer))
        }
        self.embeddings = embeddings
    }

    /// `z_list`, and `hope` if the layer includes it.
    public var submodules: [NamedModule] {
        let list = ParameterGroup(
            parameters: embeddings.enumerated().map { NamedParameter("\($0)", $1) })
        return (includesNetwork ? [NamedModule("hope", network)] : [])
            + [NamedModule("z_list", list)]
    }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// The generated kernel, `[out, in, k, k]`.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func kernel() throws(ProteanError) -> Tensor {
        let blocks = try network.kernels(of: try Operations.stack(embeddings.map(\.value)))
        let side = network.kernelSize
        return
            try blocks
            .reshaped(to: [rows, columns, network.outputs, network.inputs, side, side])
            .permuted([0, 2, 1, 3, 4, 5])
            .reshaped(to: geometry.weightShape)
    }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let key = Key(
            isa: try Runtime.isa(),
            versions: embeddings.reduce(network.version) { $0 + $1.version })
        return try traced(
            "HyperNetworkConv2d", path: label, input: x, cost: { cost(input: x, output: $0) }
        ) { () throws(ProteanError) in
            let kept = try plans.value(for: key) { () throws(ProteanError) in
                Conv2dPlanCache(weight: Parameter(try kernel()), bias: nil, geometry: geometry)
            }
            return try Operations.conv2d(x, plans: kept, layer: place)
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let kernel = geometry.weightShape.reduce(1, *)
        let stored =
            embeddings.count * network.zSize
            + (includesNetwork ? network.parameters.reduce(0) { $0 + $1.parameter.count } : 0)
        return Cost(
            multiplyAdds: output.count * geometry.fanIn, parameters: stored,
            bytes: (input.count + output.count + kernel) * MemoryLayout<Float>.stride)
    }
}
