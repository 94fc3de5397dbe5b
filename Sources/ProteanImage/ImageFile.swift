import CProteanImage
import Foundation
import Protean

/// Image files as bytes.
enum ImageFile {
    /// The content of a regular file that begins as a PNG or JPEG does.
    ///
    /// For pipes, devices and other special files it throws instead of waiting, and for files of
    /// other formats before reading the whole file. A file that grows meanwhile is read up to its
    /// size at the start.
    static func bytes(_ path: String) throws(ImageError) -> [UInt8] {
        try bytes(path, startsWith: isImage)
    }

    /// The content of a regular file of any format, as ``bytes(_:)``.
    static func anyBytes(_ path: String) throws(ImageError) -> [UInt8] {
        try bytes(path) { _ in true }
    }

    private static func bytes(
        _ path: String, startsWith accepts: ([UInt8]) -> Bool
    ) throws(ImageError) -> [UInt8] {
        guard !path.isEmpty else {
            throw .fileAccess(file: path, reason: "expected a path, found an empty one")
        }
        guard !path.utf8.contains(0) else {
            throw .fileAccess(file: path, reason: "expected a path, found a NUL character in it")
        }
        // Without O_NONBLOCK, opening a pipe without a writer would never return.
        let descriptor = PathBytes.withCString(path) {
            open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        }
        guard descriptor >= 0 else { throw systemError(path) }
        defer { close(descriptor) }
        let size = try size(of: descriptor, path)
        guard accepts(try content(descriptor, count: min(size, 4), path)) else {
            throw .unknownFormat(file: path)
        }
        guard ptn_image_has_memory(size) != 0 else { throw .outOfMemory(file: path) }
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw systemError(path) }
        return try content(descriptor, count: size, path)
    }

    /// A regular file's size; others, empty files and those over the limit are refused.
    private static func size(of descriptor: Int32, _ path: String) throws(ImageError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw systemError(path) }
        if let kind = kind(status.st_mode) {
            throw .fileAccess(file: path, reason: "expected a regular file, found \(kind)")
        }
        let size = Int(status.st_size)
        guard size > 0 else { throw .truncated(file: path, reason: "the file is empty") }
        guard size <= Image.maximumFileSize else {
            throw .limitExceeded(
                file: path,
                reason: "expected at most \(Image.maximumFileSize) bytes, found \(size)")
        }
        return size
    }

    /// The kind of a file that is not a regular one.
    private static func kind(_ mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a directory"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        case S_IFCHR, S_IFBLK: "a device"
        default: "another kind of file"
        }
    }

    private static func isImage(_ start: [UInt8]) -> Bool {
        start.starts(with: [0x89, 0x50, 0x4E, 0x47]) || start.starts(with: [0xFF, 0xD8, 0xFF])
    }

    private static func content(
        _ descriptor: Int32, count: Int, _ path: String
    ) throws(ImageError) -> [UInt8] {
        var failure: ImageError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { to, filled in
            while filled < count, let base = to.baseAddress {
                let part = read(descriptor, base + filled, count - filled)
                if part < 0, errno == EINTR { continue }
                if part < 0 { failure = systemError(path) }
                if part == 0 {
                    failure = .truncated(
                        file: path, reason: "the file became shorter while it was read")
                }
                if part <= 0 { return }
                filled += part
            }
        }
        if let failure { throw failure }
        return bytes
    }

    private static func systemError(_ path: String) -> ImageError {
        .fileAccess(file: path, reason: String(cString: strerror(errno)))
    }
}
