#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The kind of file that a result's path names, which decides how the result is written.
enum OutputDestination: Equatable {
    /// A regular file that exists or will be created: the last part of `file` is not a link.
    case file(String, existing: Attributes?)
    /// A descriptor of this process: `/dev/stdout`, `/dev/fd/3`.
    case descriptor(Int32)
    /// A named pipe.
    case pipe
    /// A terminal, or the null device.
    case device

    /// The attributes that a replaced file passes to the new file.
    struct Attributes: Equatable {
        let mode: mode_t
        let owner: uid_t
        let group: gid_t
    }

    /// Maximum number of links to follow, as in Linux; more are taken for a loop.
    private static let maximumLinks = 40

    /// Examines `path` without opening or changing anything.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)`` for files to which results are not
    ///   written.
    init(of path: String) throws(ProteanError) {
        guard !path.isEmpty else {
            throw .fileAccess(file: "''", reason: "the path is empty, expected a file's name")
        }
        guard !path.utf8.contains(0) else {
            throw .fileAccess(file: path, reason: "the path holds a zero byte")
        }
        if let number = Self.descriptorNumber(path) {
            self = .descriptor(number)
            return
        }
        var status = stat()
        guard PathBytes.withCString(path, { stat($0, &status) }) == 0 else {
            // The name does not exist, or is a link to such a name: links are followed below.
            guard errno == ENOENT else { throw .systemCall("stat", file: path) }
            self = try Self.following(path, existing: nil)
            return
        }
        switch PathBytes.Kind(mode: status.st_mode) {
        case .regular:
            self = try Self.following(
                path,
                existing: Attributes(
                    mode: status.st_mode & 0o777, owner: status.st_uid, group: status.st_gid))
        case .pipe: self = .pipe
        case .characterDevice where Self.isWritable(device: status.st_rdev): self = .device
        case .characterDevice: throw Self.refusal(path, "a device")
        case .blockDevice: throw Self.refusal(path, "a block device")
        case .directory: throw Self.refusal(path, "a directory")
        case .socket: throw Self.refusal(path, "a socket")
        case .other: throw Self.refusal(path, "no file")
        }
    }

    /// The file at the end of the chain of links from `path`; `path` itself if it is not a link.
    private static func following(
        _ path: String, existing: Attributes?
    ) throws(ProteanError) -> OutputDestination {
        var place = path
        for _ in 0...maximumLinks {
            if let number = descriptorNumber(place) { return .descriptor(number) }
            guard let target = linkTarget(place) else {
                return .file(place, existing: existing)
            }
            let isAbsolute = target.utf8.first == UInt8(ascii: "/")
            place = isAbsolute ? target : folder(of: place) + "/" + target
        }
        throw .fileAccess(file: path, reason: "too many symbolic links, or a loop of them")
    }

    /// The target of the link that is the last part of `path`; nil if it is not a link.
    private static func linkTarget(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let capacity = buffer.count
        let count = buffer.withUnsafeMutableBytes { raw in
            raw.withMemoryRebound(to: CChar.self) { target in
                PathBytes.withCString(path) { link in
                    target.baseAddress.map { readlink(link, $0, capacity) } ?? -1
                }
            }
        }
        return count > 0 && count < capacity ? PathBytes.spelling(of: buffer[..<count]) : nil
    }

    /// The folder that holds the last part of `path`.
    static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.utf8.startIndex ? "/" : String(path.utf8[..<slash]) ?? "."
    }

    /// The number in a name for one of this process's descriptors; nil for other names. Such a name
    /// is not opened, since that would truncate a file that a shell has opened to append to.
    private static func descriptorNumber(_ path: String) -> Int32? {
        switch path {
        case "/dev/stdout": return 1
        case "/dev/stderr": return 2
        default: break
        }
        for prefix in [
            "/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", "/proc/\(getpid())/fd/",
        ]
        where path.hasPrefix(prefix) {
            let digits = path.dropFirst(prefix.count)
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int32(digits)
        }
        return nil
    }

    /// Whether a character device is a terminal or the null device. Decided by its number, not by
    /// opening it, because opening some devices has side effects.
    private static func isWritable(device: dev_t) -> Bool {
        if isNull(device) { return true }
        #if os(Linux)
            // Linux's assigned numbers: consoles and serial lines 4, the process's own terminal 5,
            // pseudo-terminals 136 to 143.
            let major = (UInt64(device) >> 8 & 0xFFF) | (UInt64(device) >> 32 & ~0xFFF)
            return [4, 5].contains(major) || (136...143).contains(major)
        #else
            // Decided by `isatty` once it is open.
            return true
        #endif
    }

    /// Whether a character device is the null device.
    static func isNull(_ device: dev_t) -> Bool {
        var null = stat()
        return stat("/dev/null", &null) == 0 && null.st_mode & S_IFMT == S_IFCHR
            && null.st_rdev == device
    }

    /// The error for files to which results are not written.
    static func refusal(_ path: String, _ what: String) -> ProteanError {
        .fileAccess(
            file: path, reason: "is \(what); results are written to files, pipes and terminals")
    }
}
