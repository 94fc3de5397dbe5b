import CProteanImage
import Foundation
import Protean

extension Image {
    /// Writes the image as an 8-bit PNG file.
    ///
    /// A regular file is replaced as a whole and only on success; links are followed, pipes and
    /// terminals written directly, as by ``Checkpoint/writeSafetensors(to:tensors:metadata:)``.
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
            throw ImageError(status, message, file: name, size: (width, height))
        }
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }
}
