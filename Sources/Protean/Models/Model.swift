/// A built architecture with its values: what a weight file and a name become.
///
/// A model is a layer whose paths are those of the architecture itself, without a prefix.
public struct Model: Layer {
    /// The architecture.
    public let plugin: any ModelPlugin
    /// The network.
    public let module: any Layer
    /// Where the values came from: a path, `embedded`, or `seeded initial values`.
    public let source: String

    /// ``source`` of weights that the plug-in brings along.
    public static let embeddedSource = "embedded"
    /// ``source`` of values that were never trained.
    public static let seededSource = "seeded initial values"

    /// A model of parts that already fit.
    public init(plugin: any ModelPlugin, module: any Layer, source: String) {
        self.plugin = plugin
        self.module = module
        self.source = source
    }

    /// The network's own parameters.
    public var parameters: [NamedParameter] { module.parameters }
    /// The network's parts.
    public var submodules: [NamedModule] { module.submodules }
    /// The network's label.
    public var label: Label? { module.label }

    /// The network's channels.
    public var channelFlow: ChannelFlow { module.channelFlow }

    /// Applies the network. Throws as the network does.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try module(x) }
}
