import ArgumentParser
import CommandSupport
import ProteanImage

/// Options for reading image files.
struct ImageOptions: ParsableArguments {
    @Option(
        help: """
            EXIF orientation of images: ignore (as Pillow and torchvision, with a note) or \
            apply.
            """)
    var orientation: ImageOrientation = .ignore

    /// Reads an image; remarks about it go to standard error.
    func read(_ path: String) throws(ImageError) -> Image {
        try Image.decode(path, orientation: orientation, onNote: Standard.note)
    }
}

extension ImageOrientation: ExpressibleByArgument {}

extension Standard {
    /// Writes the remarks about a file to standard error.
    static func note(_ note: ImageNote) { error("protean: note: \(note)") }
}
