import CommandSupport
import Protean
import ProteanImage
import ProteanModels

extension Model {
    /// What the network gets for an image: prepared as its weights want it, or red, green and
    /// blue in 0...255 for one that enlarges images. Refuses models that do not take images.
    func input(from image: Image) throws -> Tensor {
        if let preprocessing = preprocessing {
            return try preprocessing.tensor(from: image)
        }
        guard plugin.enlargement != nil else {
            throw Failure("model '\(plugin.name)' does not take images")
        }
        return try image.rgb.tensor()
    }
}
