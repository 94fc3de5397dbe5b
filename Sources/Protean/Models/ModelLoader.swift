/// Turns weight files into models.
///
/// ```swift
/// let loader = ModelLoader(registry: registry)
/// let model = try loader.load("weights.pth", as: "mobilenet_v2")
/// ```
/// Loading is strict: every parameter is set, every key is used, every shape fits.
public struct ModelLoader: Sendable {
    /// The architectures that can be built.
    public var registry: ModelRegistry
    /// The file formats that are read.
    public var formats: [any CheckpointFormat]
    /// Whether weight files are mapped or read.
    public var mapping: FileMapping

    /// The longest `config.json` that is read, in bytes.
    public static let maximumConfigurationLength = 1 << 20

    /// A loader.
    public init(
        registry: ModelRegistry, formats: [any CheckpointFormat] = CheckpointFormats.standard,
        mapping: FileMapping = .automatic
    ) {
        self.registry = registry
        self.formats = formats
        self.mapping = mapping
    }

    /// The model `name` with the weights of the file at `path`.
    ///
    /// A directory stands for the `model.safetensors` in it.
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)`` for the name, what the plug-in says
    ///   about the configuration, what the format says about the file, and
    ///   ``ProteanError/parameterMismatch(file:missing:unused:misshapen:)`` when they do not fit.
    public func load(
        _ path: String, as name: String, configuration: ModelConfiguration = .init()
    ) throws(ProteanError) -> Model {
        let file = CheckpointBytes.isDirectory(path) ? path + "/" + Self.weightsName : path
        return try build(
            registry.plugin(named: name), configuration: configuration, weights: .file(file),
            source: path)
    }

    /// The model of a directory that says what it holds; see ``loadDirectory(_:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a plain file,
    ///   which does not name its architecture.
    public func load(_ path: String) throws(ProteanError) -> Model {
        guard CheckpointBytes.isDirectory(path) else {
            throw .invalidOption(
                layer: "ModelLoader", option: "as",
                expected: "an architecture's name, or a directory with \(Self.configurationName)",
                found: path)
        }
        return try loadDirectory(path)
    }

    /// The model of a directory with `config.json` and `model.safetensors`, as timm publishes them.
    ///
    /// `"architecture"` in `config.json` names the plug-in; its `"model_args"`, if present, are the
    /// configuration. Other members describe the training or other programs and are not looked at.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the architecture
    ///   is not named, ``ProteanError/weightFile(file:problem:)`` for text that is not JSON, and as
    ///   ``load(_:as:configuration:)``.
    public func loadDirectory(_ path: String) throws(ProteanError) -> Model {
        let description = try configurationFile(path + "/" + Self.configurationName)
        guard let name = try description.string("architecture") else {
            throw .invalidOption(
                layer: path + "/" + Self.configurationName, option: "architecture",
                expected: "a model's name", found: "nothing")
        }
        return try build(
            registry.plugin(named: name),
            configuration: try description.object("model_args") ?? ModelConfiguration(),
            weights: .file(path + "/" + Self.weightsName), source: path)
    }

    /// The model `name` with the weights that its plug-in brings along, else with seeded initial
    /// values: random, but the same in every run (``Module/initializeWeights(seed:)``).
    /// ``Model/source`` says which.
    ///
    /// - Throws: as ``load(_:as:configuration:)``.
    public func makeModel(
        _ name: String, configuration: ModelConfiguration = .init()
    ) throws(ProteanError) -> Model {
        let plugin = try registry.plugin(named: name)
        if let weights = plugin.embeddedWeights {
            return try build(
                plugin, configuration: configuration, weights: weights,
                source: Model.embeddedSource)
        }
        let module = try plugin.makeModel(configuration: configuration)
        module.assignLabels()
        try module.initializeWeights()
        return Model(plugin: plugin, module: module, source: Model.seededSource)
    }

    private static let configurationName = "config.json"
    private static let weightsName = "model.safetensors"

    private func build(
        _ plugin: any ModelPlugin, configuration: ModelConfiguration, weights: WeightSource,
        source: String
    ) throws(ProteanError) -> Model {
        let module = try plugin.makeModel(configuration: configuration)
        module.assignLabels()
        let checkpoint = try weights.open(mapping: mapping, formats: formats)
        try module.load(checkpoint, keyMap: plugin.keyMap(for: checkpoint))
        return Model(plugin: plugin, module: module, source: source)
    }

    private func configurationFile(_ path: String) throws(ProteanError) -> ModelConfiguration {
        let storage = try CheckpointBytes.file(path, mapping: .automatic)
        let count = storage.bytes.count
        guard count <= Self.maximumConfigurationLength else {
            throw .weightFile(
                file: path,
                problem: .limitExceeded(
                    what: "the length of \(Self.configurationName)",
                    limit: Self.maximumConfigurationLength, found: count))
        }
        let text = withExtendedLifetime(storage) { Array(storage.bytes) }
        return try ModelConfiguration(json: text, source: path)
    }
}
