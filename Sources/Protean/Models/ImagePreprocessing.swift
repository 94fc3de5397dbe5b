/// The conversion of an 8-bit image to a network's input.
///
/// Steps, in order: resize according to ``resizing``, crop the central ``cropHeight`` ×
/// ``cropWidth``, then `(value / 255 - mean) / deviation` per channel. Resizing is that of Pillow
/// (antialiased, 8-bit intermediate), cropping follows torchvision.
public struct ImagePreprocessing: Sendable, Equatable {
    /// The filter of the resize.
    public enum Interpolation: String, Sendable { case bilinear, bicubic }

    /// The size to which an image is resized before the centre crop.
    public enum Resizing: Sendable, Equatable {
        /// No resizing.
        case none
        /// The shorter side gets this length, the other keeps the proportions (torchvision's
        /// `Resize` of a number).
        case shorterSide(Int)
        /// Exactly this size, without keeping the proportions (timm's crop mode `squash`).
        case exactly(Size2d)
        /// The smallest size of the same proportions that covers this one, rounded per side (timm's
        /// crop mode `center` where height and width differ).
        case covering(Size2d)
    }

    /// The size to which an image is resized before the centre crop.
    public var resizing: Resizing
    /// Length of the shorter side after resizing, if that is how ``resizing`` is given; setting nil
    /// means no resizing.
    public var resizeShorterSide: Int? {
        get { if case .shorterSide(let length) = resizing { length } else { nil } }
        set { resizing = newValue.map(Resizing.shorterSide) ?? .none }
    }
    /// The filter of the resize.
    public var interpolation: Interpolation
    /// Height of the centre crop.
    public var cropHeight: Int
    /// Width of the centre crop.
    public var cropWidth: Int
    /// Mean per channel of values in 0...1; one value for grey images, three for RGB.
    public var mean: [Float]
    /// Standard deviation per channel of values in 0...1.
    public var deviation: [Float]

    /// A description of the preprocessing; nil for `resizeShorterSide` means no resizing.
    public init(
        resizeShorterSide: Int?, interpolation: Interpolation, cropHeight: Int, cropWidth: Int,
        mean: [Float], deviation: [Float]
    ) {
        self.init(
            resizing: resizeShorterSide.map(Resizing.shorterSide) ?? .none,
            interpolation: interpolation, cropHeight: cropHeight, cropWidth: cropWidth, mean: mean,
            deviation: deviation)
    }

    /// A description of the preprocessing.
    public init(
        resizing: Resizing, interpolation: Interpolation, cropHeight: Int, cropWidth: Int,
        mean: [Float], deviation: [Float]
    ) {
        self.resizing = resizing
        self.interpolation = interpolation
        self.cropHeight = cropHeight
        self.cropWidth = cropWidth
        self.mean = mean
        self.deviation = deviation
    }

    /// Mean of ImageNet's training images, R, G, B.
    public static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
    /// Standard deviation of ImageNet's training images, R, G, B.
    public static let imageNetDeviation: [Float] = [0.229, 0.224, 0.225]
}
