import Protean
import ProteanModels

/// A labelled image that comes with the embedded network.
struct DemoImage: Sendable {
    let name: String
    let path: String
    /// The true class.
    let label: Int

    /// The embedded network's name.
    static let model = "protean_tiny"

    /// The images shipped with the embedded network.
    static func shipped() throws -> [DemoImage] {
        let images = ProteanTiny.demoImages.map {
            DemoImage(name: $0.name, path: $0.path, label: $0.label)
        }
        guard !images.isEmpty else { throw Failure("the images of '\(model)' are missing") }
        return images
    }
}
