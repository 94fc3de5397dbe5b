import Foundation
import Protean

/// The thousand classes of ImageNet's 2012 challenge.
enum ImageNet {
    /// English names in order of the classes' indices, as torchvision spells them; empty when the
    /// resource cannot be read.
    static let classNames: [String] = {
        guard let url = Bundle.module.url(forResource: "imagenet_classes", withExtension: "txt"),
            let text = try? String(contentsOf: url, encoding: .utf8)
        else { return [] }
        return text.split(separator: "\n").map(String.init)
    }()

    /// How torchvision prepares images for its first generation of weights (`IMAGENET1K_V1`).
    static let torchvisionPreprocessing = ImagePreprocessing(
        resizeShorterSide: 256, interpolation: .bilinear, cropHeight: 224, cropWidth: 224,
        mean: ImagePreprocessing.imageNetMean, deviation: ImagePreprocessing.imageNetDeviation)
}
