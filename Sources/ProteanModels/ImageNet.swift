import CProteanResources
import Protean

/// The thousand classes of ImageNet's 2012 challenge.
enum ImageNet {
    /// English names in order of the classes' indices, in torchvision's spelling.
    static let classNames = Resources.lines(ptn_resource_imagenet_classes())

    /// torchvision's preprocessing of images for its first generation of weights (`IMAGENET1K_V1`).
    static let torchvisionPreprocessing = ImagePreprocessing(
        resizeShorterSide: 256, interpolation: .bilinear, cropHeight: 224, cropWidth: 224,
        mean: ImagePreprocessing.imageNetMean, deviation: ImagePreprocessing.imageNetDeviation)
}
