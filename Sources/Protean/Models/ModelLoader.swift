/// Turns weight files into models.
///
/// ```swift
/// let loader = ModelLoader(registry: registry)
/// let model = try loader.load("weights.pth", as: "mobilenet_v2")
/// for note in model.notes { print(note) }
/// ```
/// Loading is strict: every parameter is set, every key is used, every shape fits. Changes that
/// were needed, such as removing a prefix of the keys, are reported in ``Model/notes``.
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
    /// A directory stands for the `model.safetensors` or `pytorch_model.bin` in it; if its
    /// `config.json` names the same architecture, that configuration is used too, overridden by
    /// `configuration`.
    /// - Parameters:
    ///   - path: a weight file or a directory.
    ///   - name: a plug-in's name, or timm's for an architecture that a plug-in builds.
    ///   - configuration: the architecture's options.
    ///   - prefix: the path in the file under which the model's keys lie; other keys are ignored.
    ///     Empty for the names as they are; nil to remove prefixes of wrappers if necessary.
    ///   - container: which of the containers of a training state holds the weights, such as
    ///     `params_ema`; nil for the preferred one.
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)`` for the name, the plug-in's errors
    ///   about the configuration, the format's errors about the file, and
    ///   ``ProteanError/parameterMismatch(file:missing:unused:misshapen:hints:)`` when they do not
    ///   fit.
    public func load(
        _ path: String, as name: String, configuration: ModelConfiguration = .init(),
        prefix: String? = nil, container: String? = nil
    ) throws(ProteanError) -> Model {
        let architecture = try Architecture(registry, name)
        guard CheckpointBytes.isDirectory(path) else {
            return try build(
                architecture, configuration: configuration, weights: .file(path), source: path,
                choice: KeyChoice(prefix: prefix, container: container))
        }
        let folder = try ModelFolder(path)
        let weights = try folder.weights()
        guard folder.description?.values["architecture"] != nil,
            let own = try? Architecture(registry, try folder.architecture()),
            own.plugin.name == architecture.plugin.name
        else {
            return try build(
                architecture, configuration: configuration, weights: .file(weights), source: path,
                choice: KeyChoice(prefix: prefix, container: container))
        }
        return try build(
            own, folder, configuration: configuration,
            choice: KeyChoice(prefix: prefix, container: container))
    }

    /// The model of a directory that describes its content; see
    /// ``loadDirectory(_:prefix:container:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a plain file,
    ///   which does not name its architecture.
    public func load(
        _ path: String, prefix: String? = nil, container: String? = nil
    ) throws(ProteanError) -> Model {
        guard CheckpointBytes.isDirectory(path) else {
            throw .invalidOption(
                layer: "ModelLoader", option: "as",
                expected: "an architecture's name, or a directory with "
                    + ModelFolder.configurationName,
                found: path.isEmpty ? "an empty path" : path)
        }
        return try loadDirectory(path, prefix: prefix, container: container)
    }

    /// The model of a directory with `config.json` and `model.safetensors` or `pytorch_model.bin`, as
    /// timm's `save_for_hf` writes it.
    ///
    /// `"architecture"` names the plug-in, or one of timm's architectures that a plug-in builds;
    /// `"model_args"` are its options, `"num_classes"` next to them is used if they do not contain
    /// it. `"pretrained_cfg"` becomes ``Model/preprocessing``, `"label_names"` (or Transformers'
    /// `"id2label"`) ``Model/classNames``. Unsupported options throw an error with the file's name
    /// and the key; members that describe training or other programs are ignored.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the architecture
    ///   is not named or an option is not supported, ``ProteanError/weightFile(file:problem:)`` for
    ///   text that is not JSON, and as ``load(_:as:configuration:prefix:container:)``.
    public func loadDirectory(
        _ path: String, prefix: String? = nil, container: String? = nil
    ) throws(ProteanError) -> Model {
        let folder = try ModelFolder(path)
        return try build(
            Architecture(registry, folder.architecture()), folder, configuration: .init(),
            choice: KeyChoice(prefix: prefix, container: container))
    }

    /// The plug-in of this name, or the one that builds timm's architecture of this name.
    ///
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)``.
    public func plugin(named name: String) throws(ProteanError) -> any ModelPlugin {
        try Architecture(registry, name).plugin
    }

    /// The plug-in that builds `model`: a plug-in's or timm's name, or a directory with `config.json`.
    /// Reads no weights.
    ///
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)``, and as
    ///   ``loadDirectory(_:prefix:container:)`` for the directory's configuration.
    public func plugin(for model: String) throws(ProteanError) -> any ModelPlugin {
        if CheckpointBytes.isDirectory(model) {
            return try Architecture(registry, ModelFolder(model).architecture()).plugin
        }
        return try plugin(named: model)
    }

    /// The model `name` with the weights shipped with its plug-in, else with seeded initial values:
    /// random, but the same in every run (``Module/initializeWeights(seed:)``). ``Model/source``
    /// says which.
    ///
    /// - Throws: as ``load(_:as:configuration:prefix:container:)``.
    public func makeModel(
        _ name: String, configuration: ModelConfiguration = .init()
    ) throws(ProteanError) -> Model {
        let architecture = try Architecture(registry, name)
        if let weights = architecture.plugin.embeddedWeights {
            return try build(
                architecture, configuration: configuration, weights: weights,
                source: Model.embeddedSource, choice: KeyChoice(prefix: "", container: nil))
        }
        let plugin = architecture.plugin
        let module = try plugin.makeModel(configuration: architecture.options(under: configuration))
        module.assignLabels()
        try module.initializeWeights()
        return Model(plugin: plugin, module: module, source: Model.seededSource)
    }
}

/// The caller's options for the names in a file.
private struct KeyChoice {
    let prefix: String?
    let container: String?
}

/// A name that was looked up.
private struct Architecture {
    let plugin: any ModelPlugin
    /// Whether timm knows the name.
    let isTimm: Bool
    private let options: ModelConfiguration

    init(_ registry: ModelRegistry, _ name: String) throws(ProteanError) {
        (plugin, options) = try registry.resolve(name)
        isTimm = plugin.timmArchitectures[name] != nil
    }

    /// The name's own options, overridden by those of `configuration`.
    func options(under configuration: ModelConfiguration) -> ModelConfiguration {
        ModelConfiguration(options.values.merging(configuration.values) { $1 })
    }
}

// MARK: Building

extension ModelLoader {
    /// The model of a folder, with its class names and preprocessing.
    private func build(
        _ architecture: Architecture, _ folder: ModelFolder, configuration: ModelConfiguration,
        choice: KeyChoice
    ) throws(ProteanError) -> Model {
        let plugin = architecture.plugin
        var options = try folder.options(for: plugin, isTimm: architecture.isTimm)
        options.values.merge(configuration.values) { $1 }
        if options.values["num_classes"] == nil, let classes = try folder.classes() {
            // Plug-ins without the option keep their number of outputs.
            var counted = options
            counted.values["num_classes"] = classes
            if (try? plugin.makeModel(configuration: architecture.options(under: counted))) != nil {
                options = counted
            }
        }
        let preprocessing =
            plugin.preprocessing == nil
            ? nil : try folder.preprocessing(channels: plugin.inputShape.last ?? 3)
        let weights = try folder.weights()
        let checkpoint = try Checkpoint.open(
            weights, mapping: mapping, formats: formats,
            selection: CheckpointSelection(container: choice.container))
        var complete = architecture.options(under: options)
        let notes = plugin.adapt(&complete, to: checkpoint)
        let module = try folder.located("model_args") { () throws(ProteanError) in
            try plugin.makeModel(configuration: complete)
        }
        let report = try fill(module, plugin, checkpoint, prefix: choice.prefix)
        let plain = Model(plugin: plugin, module: module, source: folder.path)
        return Model(
            plugin: plugin, module: module, source: folder.path,
            classNames: try folder.classNames(count: plain.classCount),
            preprocessing: preprocessing,
            notes: checkpoint.notes + notes + report.notes)
    }

    private func build(
        _ architecture: Architecture, configuration: ModelConfiguration, weights: WeightSource,
        source: String, choice: KeyChoice
    ) throws(ProteanError) -> Model {
        let plugin = architecture.plugin
        let checkpoint = try weights.open(
            mapping: mapping, formats: formats,
            selection: CheckpointSelection(container: choice.container))
        var complete = architecture.options(under: configuration)
        let notes = plugin.adapt(&complete, to: checkpoint)
        let module = try plugin.makeModel(configuration: complete)
        let report = try fill(module, plugin, checkpoint, prefix: choice.prefix)
        return Model(
            plugin: plugin, module: module, source: source,
            notes: checkpoint.notes + notes + report.notes)
    }

    private func fill(
        _ module: any Layer, _ plugin: any ModelPlugin, _ checkpoint: Checkpoint, prefix: String?
    ) throws(ProteanError) -> LoadingReport {
        module.assignLabels()
        try plugin.check(checkpoint)
        do throws(ProteanError) {
            return try module.load(checkpoint, prefix: prefix) { plugin.keyMap(for: $0) }
        } catch {
            guard
                case .parameterMismatch(
                    let file, let missing, let unused, let misshapen, let hints) = error,
                !(missing.isEmpty && unused.isEmpty),
                let other = registry.resembling(checkpoint), other.name != plugin.name
            else { throw error }
            throw .parameterMismatch(
                file: file, missing: missing, unused: unused, misshapen: misshapen,
                hints: hints + ["these look like weights of \(other.name)"])
        }
    }
}

extension ModelRegistry {
    /// The plug-in whose landmarks are all among the file's keys, with any prefix; of several, the
    /// one with the most landmarks.
    fileprivate func resembling(_ checkpoint: Checkpoint) -> (any ModelPlugin)? {
        let names = checkpoint.names
        let prefix = KeyPrefix.common(names, depth: KeyPrefix.maximumDepth).last ?? ""
        var keys = Set(names.map(ExactName.init))
        for name in names {
            if let key = KeyPrefix.remainder(of: name, behind: prefix) {
                keys.insert(ExactName(key))
            }
        }
        return plugins.filter { plugin in
            !plugin.landmarkKeys.isEmpty
                && plugin.landmarkKeys.allSatisfy { keys.contains(ExactName($0)) }
        }.max { $0.landmarkKeys.count < $1.landmarkKeys.count }
    }
}
