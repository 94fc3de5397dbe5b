/// How an 8-bit image becomes a network's input.
///
/// Steps, in order: resize the shorter side to ``resizeShorterSide``, cut the middle
/// ``cropHeight`` × ``cropWidth``, then `(value / 255 - mean) / deviation` per channel. Resizing follows
/// Pillow (antialiased, 8-bit intermediate), cropping follows torchvision.
public struct ImagePreprocessing: Sendable, Equatable {
    /// The filter of the resize.
    public enum Interpolation: String, Sendable { case bilinear, bicubic }

    /// Length of the shorter side after resizing; nil leaves the size as it is.
    public var resizeShorterSide: Int?
    /// The filter of the resize.
    public var interpolation: Interpolation
    /// Height of the centre crop.
    public var cropHeight: Int
    /// Width of the centre crop.
    public var cropWidth: Int
    /// Mean per channel of values in 0...1; its count, 1 or 3, decides between grey and RGB.
    public var mean: [Float]
    /// Standard deviation per channel of values in 0...1.
    public var deviation: [Float]

    /// A description of the preprocessing.
    public init(
        resizeShorterSide: Int?, interpolation: Interpolation, cropHeight: Int, cropWidth: Int,
        mean: [Float], deviation: [Float]
    ) {
        self.resizeShorterSide = resizeShorterSide
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
