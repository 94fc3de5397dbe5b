import ArgumentParser
import CommandSupport
import ProteanImage

/// Options that say how image files are read.
struct ImageOptions: ParsableArguments {
    @Option(
        help: """
            EXIF orientation of images: ignore (as Pillow and torchvision, with a note) or \
            apply.
            """)
    var orientation: ImageOrientation = .ignore

    /// Reads an image; what is odd about it goes to standard error.
    func read(_ path: String) throws(ImageError) -> Image {
        try Image.decode(path, orientation: orientation, onNote: Standard.note)
    }
}

extension ImageOrientation: ExpressibleByArgument {}

extension Standard {
    /// Writes what is odd about a file to standard error.
    static func note(_ note: ImageNote) { error("protean: note: \(note)") }
}
