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
        throw Failure("this build has no embedded network '\(model)'")
    }
}
