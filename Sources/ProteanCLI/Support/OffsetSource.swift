import CommandSupport
import Protean
import ProteanCatalogue
import ProteanImage

/// The network that `protean draw` runs: a model by name, or one layer of `protean apply`.
struct OffsetSource {
    /// The network.
    let network: any Layer
    /// The part of the image that the network sees, and the network's input.
    let prepare: (Image) throws -> (window: Image, input: Tensor)

    /// A layer if `options` name one, else a model, which may have seeded weights.
    static func named(by options: ModelOptions) throws -> OffsetSource {
        if let entry = LayerCatalogue.entries.first(where: { $0.name == options.model }) {
            return try layer(entry, options)
        }
        let model = try options.load(untrained: true)
        guard let preprocessing = model.preprocessing else {
            return OffsetSource(network: model) { image in
                (image.rgb, try model.input(from: image))
            }
        }
        return OffsetSource(network: model) { image in
            (try preprocessing.window(of: image), try preprocessing.tensor(from: image))
        }
    }

    /// One layer on the whole image, values from 0 to 1.
    private static func layer(
        _ entry: LayerEntry, _ options: ModelOptions
    ) throws -> OffsetSource {
        let configuration = try LayerConfiguration(entry, json: options.config ?? "{}")
        let built: BuiltLayer
        do {
            built = try entry.build(configuration)
        } catch let error as ProteanError {
            throw configuration.renamed(error)
        }
        guard let layer = built.module as? any Layer else {
            throw Failure("layer '\(entry.name)' takes more than an image")
        }
        guard let weights = options.weights else {
            throw Failure("layer '\(entry.name)' needs --weights FILE")
        }
        let checkpoint = try Checkpoint.open(weights, selection: options.keys.selection)
        let report = try options.keys.explaining {
            try layer.load(
                checkpoint, prefix: options.keys.prefix, keyMap: built.keyMap)
        }
        KeyOptions.say(checkpoint.notes + report.notes)
        let channels = ["in_channels", "channels"].compactMap { try? configuration.int($0) }
        let isGrey = channels.first == 1
        return OffsetSource(network: layer) { image in
            let image = isGrey ? image.grey : image.rgb
            let plain = ImagePreprocessing(
                resizeShorterSide: nil, interpolation: .bilinear, cropHeight: image.height,
                cropWidth: image.width, mean: .init(repeating: 0, count: image.channels),
                deviation: .init(repeating: 1, count: image.channels))
            return (image, try plain.tensor(from: image))
        }
    }

}
