/// Why an image file could not be read or written, one case per cause. Each names the file.
public enum ImageError: Error, Equatable, Sendable {
    /// The file could not be opened, read or written.
    case fileAccess(file: String, reason: String)
    /// The first bytes are neither PNG nor JPEG.
    case unknownFormat(file: String)
    /// The header announces no pixels, or more than ``Image/maximumPixels``.
    case invalidSize(file: String, width: Int, height: Int)
    /// A valid file with a feature that is not read, such as CMYK colours.
    case unsupported(file: String, feature: String)
    /// The data end before the image does.
    case truncated(file: String, reason: String)
    /// The data break a rule of the format.
    case corrupt(file: String, reason: String)
    /// Memory for the pixels could not be had.
    case outOfMemory(file: String)
}

extension ImageError: CustomStringConvertible {
    /// One line that names the file and the cause.
    public var description: String {
        switch self {
        case .fileAccess(let file, let reason):
            "\(file): \(reason)"
        case .unknownFormat(let file):
            "\(file): not an image of a known format (PNG, JPEG)"
        case .invalidSize(let file, let width, let height):
            "\(file): the image is \(width) x \(height) pixels, expected 1..."
                + "\(Image.maximumPixels) in all"
        case .unsupported(let file, let feature):
            "\(file): not supported: \(feature)"
        case .truncated(let file, let reason):
            "\(file): truncated image: \(reason)"
        case .corrupt(let file, let reason):
            "\(file): corrupt image: \(reason)"
        case .outOfMemory(let file):
            "\(file): no memory for the image"
        }
    }
}
