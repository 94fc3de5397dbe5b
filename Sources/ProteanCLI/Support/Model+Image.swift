import CommandSupport
import Protean
import ProteanImage
import ProteanModels

extension Model {
    /// The network's input for an image: preprocessed as for the weights' training, or red, green
    /// and blue in 0...255 for a network that enlarges images. Throws for models that do not take
    /// images.
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
