import CProteanImage
import Foundation
import Protean

extension Image {
    /// Reads a PNG or JPEG file, told apart by content.
    ///
    /// Grey files give one channel, others three. Alpha is dropped, palettes are looked up, 16-bit
    /// samples keep their upper 8 bits; colour profiles and the EXIF orientation are not applied,
    /// as with Pillow's `Image.open(path).convert("RGB")`.
    /// - Throws: ``ImageError``, one case per cause.
    public static func decode(_ path: String) throws(ImageError) -> Image {
        let bytes: [UInt8]
        switch readFile(path) {
        case .success(let read): bytes = read
        case .failure(let error): throw error
        }
        return try decode(bytes, name: path)
    }

    /// Decodes a PNG or JPEG file that lies in memory; `name` stands for it in errors.
    ///
    /// - Throws: ``ImageError``, one case per cause.
    public static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> Image {
        var image = ptn_image()
        var message = ptn_image_message()
        let status = bytes.withUnsafeBufferPointer {
            ptn_image_decode($0.baseAddress, $0.count, &image, &message)
        }
        defer { ptn_image_free(&image) }
        guard status == PTN_IMAGE_OK, let pixels = image.pixels else {
            throw error(status, message.line, name, (image.width, image.height))
        }
        let count = image.width * image.height * image.channels
        return Image(
            image.width, image.height, image.channels,
            Array(UnsafeBufferPointer(start: pixels, count: count)))
    }

    /// Writes the image as an 8-bit PNG file.
    ///
    /// A regular file is replaced as a whole and only on success; links are followed, pipes and
    /// terminals written through, as by ``Checkpoint/writeSafetensors(to:tensors:metadata:)``.
    /// - Throws: ``ImageError/fileAccess(file:reason:)`` and ``ImageError/outOfMemory(file:)``.
    public func writePNG(to path: String) throws(ImageError) {
        let data = try encodedPNG(name: path)
        do throws(ProteanError) {
            try OutputFile.write(data, to: path)
        } catch {
            guard case .fileAccess(let file, let reason) = error else {
                throw .fileAccess(file: path, reason: error.description)
            }
            throw .fileAccess(file: file, reason: reason)
        }
    }

    /// The image as the bytes of an 8-bit PNG file.
    func encodedPNG(name: String) throws(ImageError) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        var message = ptn_image_message()
        let status = withCImage { image in
            withUnsafePointer(to: image) { ptn_image_encode_png($0, &bytes, &count, &message) }
        }
        defer { free(bytes) }
        guard status == PTN_IMAGE_OK, let bytes else {
            throw Self.error(status, message.line, name, (width, height))
        }
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }

    private static func error(
        _ status: ptn_image_status, _ text: String, _ file: String, _ size: (Int, Int)
    ) -> ImageError {
        switch status {
        case PTN_IMAGE_UNKNOWN_FORMAT: .unknownFormat(file: file)
        case PTN_IMAGE_BAD_SIZE: .invalidSize(file: file, width: size.0, height: size.1)
        case PTN_IMAGE_UNSUPPORTED: .unsupported(file: file, feature: text)
        case PTN_IMAGE_TRUNCATED: .truncated(file: file, reason: text)
        case PTN_IMAGE_OUT_OF_MEMORY: .outOfMemory(file: file)
        default: .corrupt(file: file, reason: text)
        }
    }

    /// A whole file, through C: Foundation's messages are long and differ by platform.
    private static func readFile(_ path: String) -> Result<[UInt8], ImageError> {
        guard let file = PathBytes.withCString(path, { fopen($0, "rb") }) else {
            return .failure(accessError(path))
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            bytes += chunk[..<count]
            if count == chunk.count { continue }
            return ferror(file) == 0 ? .success(bytes) : .failure(accessError(path))
        }
    }

    private static func accessError(_ path: String) -> ImageError {
        .fileAccess(file: path, reason: String(cString: strerror(errno)))
    }
}

extension ptn_image_message {
    /// The C buffer as a string.
    fileprivate var line: String {
        withUnsafeBytes(of: text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
