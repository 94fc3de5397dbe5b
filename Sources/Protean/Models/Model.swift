/// A built architecture with its values, from a name and a weight file.
///
/// A model is a layer; its parameters' paths are those of the architecture, without a prefix.
public struct Model: Layer {
    /// The architecture.
    public let plugin: any ModelPlugin
    /// The network.
    public let module: any Layer
    /// Where the values came from: a path, `embedded`, or `seeded initial values`.
    public let source: String

    /// ``source`` of weights that are shipped with the plug-in.
    public static let embeddedSource = "embedded"
    /// ``source`` of values that were never trained.
    public static let seededSource = "seeded initial values"

    /// The classes' names in order of the output, from the weights' folder or the caller, else the
    /// plug-in's if their number fits the outputs; empty if unknown.
    public let classNames: [String]
    /// The conversion of an image to an input for these weights; nil for models that do not take
    /// images.
    public let preprocessing: ImagePreprocessing?
    /// Remarks on loading for the user, such as a removed prefix of the keys.
    public let notes: [String]

    /// A model of parts that must fit each other.
    ///
    /// - Parameters:
    ///   - plugin: the architecture.
    ///   - module: the network.
    ///   - source: where the values came from.
    ///   - classNames: the weights' own names of the classes; nil for the plug-in's, if the network
    ///     has as many outputs.
    ///   - preprocessing: the preprocessing of the weights' training; nil for the plug-in's.
    ///   - notes: remarks for the user.
    public init(
        plugin: any ModelPlugin, module: any Layer, source: String, classNames: [String]? = nil,
        preprocessing: ImagePreprocessing? = nil, notes: [String] = []
    ) {
        self.plugin = plugin
        self.module = module
        self.source = source
        self.preprocessing = preprocessing ?? plugin.preprocessing
        self.notes = notes
        if let classNames {
            self.classNames = classNames
        } else {
            let names = plugin.classNames
            let fits =
                names.isEmpty || Self.classCount(of: module, plugin.inputShape) == names.count
            self.classNames = fits ? names : []
        }
    }

    /// The input's shape for one image, `[1, height, width, channels]`: the plug-in's, with the size
    /// that ``preprocessing`` gives.
    public var inputShape: [Int] {
        guard let preprocessing, plugin.inputShape.count == 4 else { return plugin.inputShape }
        return [1, preprocessing.cropHeight, preprocessing.cropWidth, plugin.inputShape[3]]
    }

    /// Number of classes, for networks that turn an image into one row of scores; nil for others.
    public var classCount: Int? { Self.classCount(of: module, plugin.inputShape) }

    /// The same model with different names for its classes.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when their number is
    ///   not ``classCount``; `source` says where they came from.
    public func naming(
        classes names: [String], source: String = "classNames"
    ) throws(ProteanError) -> Model {
        guard let count = classCount else {
            throw .invalidOption(
                layer: source, option: "classes",
                expected: "no names: \(plugin.name) is not a classifier", found: "\(names.count)")
        }
        guard names.count == count else {
            throw .invalidOption(
                layer: source, option: "classes",
                expected: "\(count) names, one for each output of \(plugin.name)",
                found: "\(names.count)")
        }
        return Model(
            plugin: plugin, module: module, source: self.source, classNames: names,
            preprocessing: preprocessing, notes: notes)
    }

    private static func classCount(of module: any Layer, _ inputShape: [Int]) -> Int? {
        guard let shape = try? module.outputShape(for: inputShape), shape.count == 2 else {
            return nil
        }
        return shape[1]
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
