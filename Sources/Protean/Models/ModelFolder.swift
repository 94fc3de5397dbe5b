#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder with weights and, usually, a `config.json` that describes them, as timm's `save_for_hf`
/// and Hugging Face's libraries write it.
struct ModelFolder {
    static let configurationName = "config.json"
    /// Files of weights, in order of preference.
    static let weightNames = ["model.safetensors", "pytorch_model.bin"]

    let path: String
    /// Where ``description`` came from, for error messages.
    let configurationFile: String
    /// The configuration's members; nil when the folder has no `config.json`.
    let description: ModelConfiguration?

    /// A folder, whose configuration is read.
    init(_ path: String) throws(ProteanError) {
        self.path = path
        configurationFile = path + "/" + Self.configurationName
        guard Self.exists(configurationFile) else {
            description = nil
            return
        }
        let text = try SmallFile.bytes(
            configurationFile, limit: ModelLoader.maximumConfigurationLength,
            what: Self.configurationName)
        description = try ModelConfiguration(json: text, source: configurationFile)
    }

    /// Whether there is something at `path`. Only a hint: the result may be outdated when it is
    /// opened.
    static func exists(_ path: String) -> Bool { PathBytes.kind(of: path) != nil }

    /// The file of weights.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)`` when there is none.
    func weights() throws(ProteanError) -> String {
        for name in Self.weightNames where Self.exists(path + "/" + name) {
            return path + "/" + name
        }
        let index = "model.safetensors.index.json"
        let isSharded = Self.exists(path + "/" + index)
        throw .fileAccess(
            file: path,
            reason: isSharded
                ? "a folder with \(index): sharded models are not read, join the files first"
                : "a folder without \(Self.weightNames.joined(separator: " or ")): "
                    + "give the weight file itself")
    }

    /// The architecture's name.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the configuration
    ///   does not name one, and ``ProteanError/fileAccess(file:reason:)`` without a configuration.
    func architecture() throws(ProteanError) -> String {
        guard let description else {
            throw .fileAccess(
                file: path,
                reason: "a folder without \(Self.configurationName): give the weight file in it, "
                    + "and the model's name")
        }
        let name = try located { () throws(ProteanError) -> String? in
            try description.string("architecture")
        }
        if let name { return name }
        let isTransformers = description.values["architectures"] != nil
        throw .invalidOption(
            layer: configurationFile, option: "architecture", expected: "a model's name",
            found: isTransformers
                ? "'architectures', as Transformers writes it: give the model's name and --weights"
                : "nothing")
    }

    /// Runs `body` and names the file, and the object inside it, in errors about options.
    func located<R>(
        _ object: String = "", _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        do throws(ProteanError) {
            return try body()
        } catch {
            guard case .invalidOption(let layer, let option, let expected, let found) = error else {
                throw error
            }
            let place = object.appendingPath(option)
            throw .invalidOption(
                layer: layer == "configuration"
                    ? configurationFile : "\(configurationFile): \(layer)",
                option: place, expected: expected, found: found)
        }
    }
}

// MARK: What belongs to the weights

extension ModelFolder {
    /// The classes' names; nil when the configuration has none.
    ///
    /// `label_names` is a list, or an object from class to name; `label_descriptions` turns its
    /// names into readable ones. Transformers' `id2label` is used if it has names other than
    /// `LABEL_0`. Classes without a name are named by their index.
    func classNames(count: Int?) throws(ProteanError) -> [String]? {
        guard let description else { return nil }
        let inner = try located { () throws(ProteanError) -> ModelConfiguration? in
            try description.object("pretrained_cfg")
        }
        for (object, source) in [("", description), ("pretrained_cfg", inner ?? .init())] {
            for key in ["label_names", "labels", "id2label"] {
                guard let value = source.values[key], value != .null else { continue }
                guard var names = try names(value, key: object.appendingPath(key), count: count)
                else { continue }
                let texts = try located(object) {
                    () throws(ProteanError) -> ModelConfiguration? in
                    if let own = try source.object("label_descriptions") { return own }
                    return try description.object("label_descriptions")
                }
                if let texts {
                    names = names.map { name in
                        if case .string(let text) = texts.values[name] { text } else { name }
                    }
                }
                return names
            }
        }
        return nil
    }

    private func names(
        _ value: ModelConfiguration.Value, key: String, count: Int?
    ) throws(ProteanError) -> [String]? {
        func bad(_ expected: String, _ found: String) -> ProteanError {
            .invalidOption(
                layer: configurationFile, option: key, expected: expected, found: found)
        }
        guard let count else { throw bad("no names: the model is not a classifier", "names") }
        switch value {
        case .array(let values):
            var names: [String] = []
            for value in values {
                guard case .string(let text) = value else {
                    throw bad("a list of strings", value.description)
                }
                names.append(text)
            }
            guard names.count == count else {
                throw bad("\(count) names, one per output", "\(names.count)")
            }
            return names
        case .object(let members):
            var names = (0..<count).map { "\($0)" }
            var saysSomething = false
            for (index, value) in members {
                guard let place = Int(index), names.indices.contains(place),
                    case .string(let text) = value
                else { throw bad("names of classes 0 to \(count - 1)", "'\(index)'") }
                names[place] = text
                saysSomething = saysSomething || text != "LABEL_\(place)"
            }
            return saysSomething ? names : nil
        default: throw bad("a list of strings", value.description)
        }
    }

    /// The preprocessing in `pretrained_cfg`; nil if there is none.
    func preprocessing(channels: Int) throws(ProteanError) -> ImagePreprocessing? {
        guard let description else { return nil }
        let found = try located { () throws(ProteanError) -> ModelConfiguration? in
            try description.object("pretrained_cfg")
        }
        guard let found else { return nil }
        return try located("pretrained_cfg") { () throws(ProteanError) -> ImagePreprocessing in
            try ImagePreprocessing(pretrained: found, channels: channels)
        }
    }
}

// MARK: Options of the architecture

extension ModelFolder {
    /// Arguments of timm's constructors that only affect training or the model's location.
    private static let idleArguments: Set = [
        "drop_rate", "drop_path_rate", "drop_block_rate", "zero_init_last", "bn_momentum",
        "pretrained", "scriptable", "exportable", "no_jit", "device", "dtype",
    ]

    /// The options for `plugin` from `model_args` and the members next to it.
    ///
    /// - Parameter isTimm: whether timm knows the architecture: its arguments are then applied,
    ///   recognised as having no effect, or passed on to the plug-in, which throws.
    func options(
        for plugin: any ModelPlugin, isTimm: Bool
    ) throws(ProteanError) -> ModelConfiguration {
        guard let description else { return .init() }
        var options = try located { () throws(ProteanError) -> ModelConfiguration in
            try description.object("model_args") ?? ModelConfiguration()
        }
        guard isTimm else { return options }
        try located("model_args") { () throws(ProteanError) in
            try Self.checkPooling(options)
            try Self.check(options, "in_chans", plugin.inputShape.last ?? 3)
            try Self.check(options, "output_stride", 32)
        }
        try located { () throws(ProteanError) in try Self.checkPooling(description) }
        for name in Self.idleArguments.union(["global_pool", "in_chans", "output_stride"]) {
            options.values[name] = nil
        }
        if options.values["num_classes"] == nil { options.values["num_classes"] = try classes() }
        return options
    }

    /// `num_classes` next to `model_args`, else inside `pretrained_cfg`.
    func classes() throws(ProteanError) -> ModelConfiguration.Value? {
        let count = try located { () throws(ProteanError) -> Int? in
            if let outer = try description?.integer("num_classes") { return outer }
            return try description?.object("pretrained_cfg")?.integer("num_classes")
        }
        guard let count else { return nil }
        guard count >= 1 else {
            throw .invalidOption(
                layer: configurationFile, option: "num_classes",
                expected: "at least 1: models without a classifier are not built",
                found: "\(count)")
        }
        return .number(Double(count))
    }

    private static func checkPooling(_ options: ModelConfiguration) throws(ProteanError) {
        guard let pooling = try options.string("global_pool") else { return }
        guard ["avg", "fastavg"].contains(pooling) else {
            throw .invalidOption(
                layer: "configuration", option: "global_pool", expected: "avg",
                found: "'\(pooling)'")
        }
    }

    private static func check(
        _ options: ModelConfiguration, _ name: String, _ expected: Int
    ) throws(ProteanError) {
        guard let found = try options.integer(name), found != expected else { return }
        throw .invalidOption(
            layer: "configuration", option: name, expected: "\(expected)", found: "\(found)")
    }
}
