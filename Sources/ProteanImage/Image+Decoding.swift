import CProteanImage
import Foundation

extension Image {
    /// The largest file that is read, in bytes: 1 GiB, more than the largest image without compression
    /// takes.
    public static let maximumFileSize = 1 << 30

    /// Reads a PNG or JPEG file, told apart by content.
    ///
    /// Grey files give one channel, others three, as Pillow's `Image.open(path).convert("RGB")`: alpha
    /// and transparent colours are dropped (not blended), palettes are looked up, CMYK and YCCK are
    /// taken as inverted and multiplied out, gamma and colour profiles are not applied. Samples of 16
    /// bits keep their upper 8 (Pillow clips those of grey files at 255).
    ///
    /// Memory is bounded by the file's size: at most 32 MiB and 256 bytes per byte of the file,
    /// decoder included; so are the passes over a progressive JPEG. A PNG whose pixels are complete
    /// is read, with a note, even if the data after them are damaged.
    /// - Parameters:
    ///   - path: a regular file of at most ``maximumFileSize`` bytes.
    ///   - orientation: whether EXIF's orientation is applied. Ignored by default, as by Pillow and
    ///     torchvision.
    ///   - onNote: is called for every irregularity in a file that can still be read.
    /// - Throws: ``ImageError``, one case per cause.
    public static func decode(
        _ path: String, orientation: ImageOrientation = .ignore,
        onNote: (ImageNote) -> Void = { _ in }
    ) throws(ImageError) -> Image {
        try decode(
            try ImageFile.bytes(path), name: path, orientation: orientation, onNote: onNote)
    }

    /// Decodes a PNG or JPEG file that lies in memory, as ``decode(_:orientation:onNote:)`` does;
    /// `name` identifies it in errors and notes.
    ///
    /// - Throws: ``ImageError``, one case per cause.
    public static func decode(
        _ bytes: [UInt8], name: String, orientation: ImageOrientation = .ignore,
        onNote: (ImageNote) -> Void = { _ in }
    ) throws(ImageError) -> Image {
        var header = try header(of: bytes, name, copies: 1)
        let stated = Int(header.orientation)
        let turns = orientation == .apply && stated > 1
        // The stored image and the turned one exist at once.
        if turns { header = try Self.header(of: bytes, name, copies: 2) }
        let stored = try pixels(of: bytes, name, header, onNote)
        if turns { return stored.turned(stated) }
        if stated > 1 { onNote(.ignoredOrientation(file: name, orientation: stated)) }
        return stored
    }

    /// The header, after all checks that need no pixels. `copies`: images in memory at once.
    private static func header(
        of bytes: [UInt8], _ name: String, copies: Int
    ) throws(ImageError) -> ptn_image_header {
        var header = ptn_image_header()
        var message = ptn_image_message()
        let status = bytes.withUnsafeBufferPointer {
            ptn_image_read_header($0.baseAddress, $0.count, copies, &header, &message)
        }
        guard status == PTN_IMAGE_OK else {
            throw ImageError(status, message, file: name, size: (header.width, header.height))
        }
        let count = header.width * header.height * header.channels
        guard ptn_image_has_memory(copies * count) != 0 else { throw .outOfMemory(file: name) }
        return header
    }

    /// The image as it is stored. Its memory is touched as rows are delivered.
    private static func pixels(
        of bytes: [UInt8], _ name: String, _ header: ptn_image_header,
        _ onNote: (ImageNote) -> Void
    ) throws(ImageError) -> Image {
        var notes = ptn_image_notes()
        var message = ptn_image_message()
        var status = PTN_IMAGE_OK
        let count = header.width * header.height * header.channels
        let pixels = [UInt8](unsafeUninitializedCapacity: count) { to, filled in
            status = bytes.withUnsafeBufferPointer {
                ptn_image_decode($0.baseAddress, $0.count, to.baseAddress, &notes, &message)
            }
            filled = status == PTN_IMAGE_OK ? count : 0
        }
        guard status == PTN_IMAGE_OK else {
            throw ImageError(status, message, file: name, size: (header.width, header.height))
        }
        for note in ImageNote.all(notes, file: name) { onNote(note) }
        return Image(header.width, header.height, header.channels, pixels)
    }

    /// The image rotated and mirrored according to EXIF's `orientation`, 1 to 8.
    private func turned(_ orientation: Int) -> Image {
        let values = [UInt8](unsafeUninitializedCapacity: pixels.count) { to, filled in
            withCImage { from in
                withUnsafePointer(to: from) {
                    ptn_image_orient($0, Int32(orientation), to.baseAddress)
                }
            }
            filled = pixels.count
        }
        let exchanges = orientation >= 5
        return Image(
            exchanges ? height : width, exchanges ? width : height, channels, values)
    }
}
