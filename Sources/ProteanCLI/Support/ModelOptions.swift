import ArgumentParser
import CommandSupport
import Protean
import ProteanModels

/// Options for the model and its weights.
struct ModelOptions: ParsableArguments {
    @Argument(
        help: "A model's name (see `protean plugins`), or a directory with config.json.",
        transform: OptionValue.path)
    var model: String

    @Option(
        help: "A weight file. Models with embedded weights need none.", transform: OptionValue.path)
    var weights: String?

    @Option(help: "The architecture's options as a JSON object.")
    var config: String?

    @OptionGroup var keys: KeyOptions

    @Option(help: "A text file with the classes' names, one per line.")
    var classes: String?

    /// Loads the model; remarks on loading go to standard error.
    ///
    /// - Parameters:
    ///   - untrained: whether seeded initial values are used if there are no weights.
    ///   - isAgain: whether the remarks were printed before.
    func load(untrained: Bool, isAgain: Bool = false) throws -> Model {
        let loaded = try keys.explaining { try loadWeights(untrained: untrained) }
        let named = try classes.map { path in
            try loaded.naming(classes: ClassNames.read(path), source: path)
        }
        if !isAgain { KeyOptions.say(loaded.notes) }
        return named ?? loaded
    }

    /// The plug-in, without reading weights.
    func plugin() throws -> any ModelPlugin {
        try requirePaths()
        return try ModelLoader.standard.plugin(for: model)
    }

    private func loadWeights(untrained: Bool) throws -> Model {
        try requirePaths()
        let loader = ModelLoader.standard
        let configuration =
            try config.map { text in try ModelConfiguration(json: text, source: "--config") }
            ?? ModelConfiguration()
        if weights == nil, Self.isDirectory(model) {
            guard config == nil else {
                throw Failure(
                    "--config does not go with a directory: options are in \(model)/config.json")
            }
            return try loader.load(
                model, prefix: keys.prefix, container: keys.container)
        }
        if let weights {
            guard !Self.isDirectory(model) || (try? loader.plugin(named: model)) != nil else {
                throw Failure("\(model) is a directory: its weights are in it, leave --weights out")
            }
            return try loader.load(
                weights, as: model, configuration: configuration, prefix: keys.prefix,
                container: keys.container)
        }
        guard !keys.isGiven else {
            throw Failure(
                "--prefix and --container say how a file is read: give --weights FILE")
        }
        let made = try loader.makeModel(model, configuration: configuration)
        guard untrained || made.source != Model.seededSource else {
            throw Failure("model '\(model)' has no embedded weights: give --weights FILE")
        }
        return made
    }

    private func requirePaths() throws {
        for (name, value) in [("the model's name", model as String?), ("--weights", weights)]
        where value?.isEmpty == true {
            throw Failure("\(name) is empty")
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        PathBytes.kind(of: path) == .directory
    }
}
