import CProteanImage
import Protean

/// An irregularity of a file that can still be read. Each names the file.
public enum ImageNote: Sendable, Equatable {
    /// A PNG ends after its last pixel, without its end chunk.
    case missingEnd(file: String)
    /// Chunks after the last pixel of a PNG are damaged.
    case damagedEnd(file: String)
    /// Bytes follow the end of a PNG.
    case trailingBytes(file: String, count: Int)
    /// EXIF data state an orientation, 2 to 8, that is not applied.
    case ignoredOrientation(file: String, orientation: Int)

    static func all(_ notes: ptn_image_notes, file: String) -> [ImageNote] {
        var all: [ImageNote] = []
        if notes.missing_end != 0 { all.append(.missingEnd(file: file)) }
        if notes.damaged_end != 0 { all.append(.damagedEnd(file: file)) }
        if notes.trailing_bytes > 0 {
            all.append(.trailingBytes(file: file, count: notes.trailing_bytes))
        }
        return all
    }
}

extension ImageNote: CustomStringConvertible {
    /// One line that names the file and what was found.
    public var description: String {
        switch self {
        case .missingEnd(let file):
            "\(file.escaped): the file is cut off behind its last pixel (no IEND)"
        case .damagedEnd(let file):
            "\(file.escaped): damaged behind its last pixel"
        case .trailingBytes(let file, let count):
            "\(file.escaped): \(count) bytes follow the image"
        case .ignoredOrientation(let file, let orientation):
            "\(file.escaped): EXIF orientation \(orientation) (\(Self.meaning(orientation))) "
                + "is ignored"
        }
    }

    private static func meaning(_ orientation: Int) -> String {
        switch orientation {
        case 2: "mirrored"
        case 3: "turned by 180 degrees"
        case 4: "upside down and mirrored"
        case 5, 7: "turned by 90 degrees and mirrored"
        case 6, 8: "turned by 90 degrees"
        default: "upright"
        }
    }
}
