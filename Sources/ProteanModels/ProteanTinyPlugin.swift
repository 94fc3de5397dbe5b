import CProteanResources
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

    var embeddedWeights: WeightSource? { Resources.weights(ptn_resource_protean_tiny()) }

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
        /// The content of the PNG file.
        public let png: [UInt8]
        /// The true class.
        public let label: Int
    }

    /// Twenty images of Fashion-MNIST's test set, two of each class, by name.
    ///
    /// A file's name is its class, the class's name and its number in the test set.
    public static var demoImages: [DemoImage] {
        (0..<ptn_resource_image_count()).compactMap { index in
            let resource = ptn_resource_image(index)
            let name = String(Resources.name(resource).dropLast(".png".count))
            guard let label = Int(name.prefix(2)) else { return nil }
            return DemoImage(name: name, png: Array(Resources.bytes(resource)), label: label)
        }
    }
}
