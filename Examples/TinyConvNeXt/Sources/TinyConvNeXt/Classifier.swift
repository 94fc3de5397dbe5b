import Protean
import ProteanImage
import ProteanModels

/// Names images by a network with weights from a file.
public struct Classifier: Sendable {
    /// The network with its weights.
    public let model: Model

    /// Loading is strict: every parameter is set, every key is used, every shape fits.
    public init(weights: String) throws(ProteanError) {
        // A loader of its own: this package's architectures, and those of Protean.
        let loader = ModelLoader(registry: .standard())
        try loader.registry.register(TinyConvNeXtPlugin())
        model = try loader.load(weights, as: "tiny_convnext")
    }

    /// The most probable class of a PNG or JPEG file's content, and its probability.
    public func callAsFunction(
        _ file: [UInt8], name: String
    ) throws -> (label: String, probability: Float) {
        guard let preprocessing = model.plugin.preprocessing else {
            throw ProteanError.invalidOption(
                layer: model.plugin.name, option: "preprocessing", expected: "one for images",
                found: "none")
        }
        let input = try preprocessing.tensor(from: Image.decode(file, name: name))
        let probabilities = try Operations.softmax(model(input)).elements
        let best = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
        let names = model.plugin.classNames
        return (names.indices.contains(best) ? names[best] : "\(best)", probabilities[best])
    }
}
