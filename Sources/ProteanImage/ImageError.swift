import CProteanImage
import Protean

/// Why an image file could not be read or written, one case per cause. Each names the file.
public enum ImageError: Error, Equatable, Sendable {
    /// The file could not be opened, read or written.
    case fileAccess(file: String, reason: String)
    /// The first bytes are neither PNG nor JPEG.
    case unknownFormat(file: String)
    /// The header announces no pixels, more than ``Image/maximumPixels``, or a side of more than
    /// ``Image/maximumSide``.
    case invalidSize(file: String, width: Int, height: Int)
    /// A valid file with a feature that is not read, such as arithmetic coding.
    case unsupported(file: String, feature: String)
    /// Reading would take more memory or work than the file's size allows, or the file is larger than
    /// ``Image/maximumFileSize``.
    case limitExceeded(file: String, reason: String)
    /// The data end before the image does.
    case truncated(file: String, reason: String)
    /// The data break a rule of the format.
    case corrupt(file: String, reason: String)
    /// Memory for the pixels could not be allocated.
    case outOfMemory(file: String)
}

extension ImageError: CustomStringConvertible {
    /// One line that names the file and the cause.
    public var description: String {
        switch self {
        case .fileAccess(let file, let reason):
            "\(file.isEmpty ? "''" : file.escaped): \(reason)"
        case .unknownFormat(let file):
            "\(file.escaped): not an image of a known format (PNG, JPEG)"
        case .invalidSize(let file, let width, let height):
            "\(file.escaped): the image is \(width) x \(height) pixels, expected 1..."
                + "\(Image.maximumPixels) in all and at most \(Image.maximumSide) per side"
        case .unsupported(let file, let feature):
            "\(file.escaped): not supported: \(feature)"
        case .limitExceeded(let file, let reason):
            "\(file.escaped): refused: \(reason)"
        case .truncated(let file, let reason):
            "\(file.escaped): truncated image: \(reason)"
        case .corrupt(let file, let reason):
            "\(file.escaped): corrupt image: \(reason)"
        case .outOfMemory(let file):
            "\(file.escaped): no memory for the image"
        }
    }
}

extension ImageError {
    /// The error for a C function's status and message about a file.
    init(
        _ status: ptn_image_status, _ message: ptn_image_message, file: String,
        size: (width: Int, height: Int)
    ) {
        let text = message.line
        switch status {
        case PTN_IMAGE_UNKNOWN_FORMAT: self = .unknownFormat(file: file)
        case PTN_IMAGE_BAD_SIZE:
            self = .invalidSize(file: file, width: size.width, height: size.height)
        case PTN_IMAGE_UNSUPPORTED: self = .unsupported(file: file, feature: text)
        case PTN_IMAGE_LIMIT: self = .limitExceeded(file: file, reason: text)
        case PTN_IMAGE_TRUNCATED: self = .truncated(file: file, reason: text)
        case PTN_IMAGE_OUT_OF_MEMORY: self = .outOfMemory(file: file)
        default: self = .corrupt(file: file, reason: text)
        }
    }
}

extension ptn_image_message {
    /// The C buffer as a string.
    fileprivate var line: String {
        withUnsafeBytes(of: text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
