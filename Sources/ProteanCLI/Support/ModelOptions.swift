import ArgumentParser
import CommandSupport
import Protean
import ProteanModels

/// Which model, with which weights.
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

    /// The model, loaded.
    ///
    /// - Parameter untrained: whether seeded initial values will do when there are no weights.
    func load(untrained: Bool) throws -> Model {
        let loader = ModelLoader.standard
        if weights == nil, config == nil, Self.isDirectory(model) { return try loader.load(model) }
        let configuration =
            try config.map { text in try ModelConfiguration(json: text, source: "--config") }
            ?? ModelConfiguration()
        if let weights { return try loader.load(weights, as: model, configuration: configuration) }
        let made = try loader.makeModel(model, configuration: configuration)
        guard untrained || made.source != Model.seededSource else {
            throw Failure("model '\(model)' has no embedded weights: give --weights FILE")
        }
        return made
    }

    private static func isDirectory(_ path: String) -> Bool {
        PathBytes.kind(of: path) == .directory
    }
}
