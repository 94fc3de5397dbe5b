import Protean
import ProteanImage
import ProteanModels

/// A labelled image shipped with the embedded network.
struct DemoImage: Sendable {
    let name: String
    let image: Image
    /// The true class.
    let label: Int

    /// The embedded network's name.
    static let model = "protean_tiny"
    /// The name of the embedded network with exits.
    static let exitModel = "protean_exits"

    /// The images shipped with the embedded network.
    static func shipped() throws -> [DemoImage] {
        try ProteanTiny.demoImages.map {
            DemoImage(
                name: $0.name, image: try Image.decode($0.png, name: $0.name), label: $0.label)
        }
    }
}
