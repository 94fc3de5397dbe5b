import Foundation
import Protean

/// `protean_tiny` with its embedded weights.
struct ProteanTinyPlugin: ModelPlugin {
    let name = "protean_tiny"
    let summary =
        "embedded network with CondConv, DynConv, DY-ReLU and SE for 28x28 images, trained by this "
        + "project on Fashion-MNIST"
    let inputShape = [1, 28, 28, 1]
    let classNames = [
        "t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
        "bag", "ankle boot",
    ]

    var embeddedWeights: String? {
        // A path even when the resource is missing: the loader then names it, instead of making a
        // network with random weights.
        Bundle.module.bundlePath + "/protean_tiny.safetensors"
    }

    var preprocessing: ImagePreprocessing? {
        ImagePreprocessing(
            resizeShorterSide: 28, interpolation: .bilinear, cropHeight: 28, cropWidth: 28,
            mean: [0.2860], deviation: [0.3530])
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "dense"])
        return try ProteanTiny(
            classes: try configuration.integer("num_classes", default: 10),
            dense: try configuration.bool("dense", default: false))
    }
}

extension ProteanTiny {
    /// An image that ships with the package.
    public struct DemoImage: Sendable {
        /// The file's name without its extension, such as `07_sneaker_0009`.
        public let name: String
        /// The PNG file.
        public let path: String
        /// The true class.
        public let label: Int
    }

    /// Twenty images of Fashion-MNIST's test set, two of each class, by name.
    ///
    /// A file's name is its class, the class's name and its number in the test set.
    public static var demoImages: [DemoImage] {
        let paths = Bundle.module.paths(forResourcesOfType: "png", inDirectory: nil)
        return paths.compactMap { path in
            let file = URL(fileURLWithPath: path)
            let name = file.deletingPathExtension().lastPathComponent
            guard let label = Int(name.prefix(2)) else { return nil }
            return DemoImage(name: name, path: path, label: label)
        }.sorted { $0.name < $1.name }
    }
}
