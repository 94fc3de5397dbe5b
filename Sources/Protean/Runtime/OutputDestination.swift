#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the path of a result names, and so how the result is written there.
enum OutputDestination: Equatable {
    /// A regular file, or none yet: `file` has no link in its last part.
    case file(String, existing: Attributes?)
    /// A descriptor of this process: `/dev/stdout`, `/dev/fd/3`.
    case descriptor(Int32)
    /// A named pipe.
    case pipe
    /// A terminal, or the device that takes everything.
    case device

    /// What a replaced file hands on to its successor.
    struct Attributes: Equatable {
        let mode: mode_t
        let owner: uid_t
        let group: gid_t
    }

    /// Links followed before they are taken for a loop, as many as Linux follows.
    private static let maximumLinks = 40

    /// Looks `path` up. Opens and changes nothing.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)`` for what results are not written to.
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
            // A name that is free, or a link to one: links are followed by hand below.
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

    /// The file at the end of the links that `path` begins; its own name when it is no link.
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

    /// What the last part of `path` links to; nil when it is no link.
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

    /// The number in a name for one of this process's descriptors; nil for other names. Such a
    /// name is not opened: that would begin a file anew that a shell has opened to append to.
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

    /// Whether a character device is a terminal or takes everything. Told by its number, not by
    /// opening it: some devices do things when they are opened.
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

    /// Whether a character device is the one that takes everything.
    static func isNull(_ device: dev_t) -> Bool {
        var null = stat()
        return stat("/dev/null", &null) == 0 && null.st_mode & S_IFMT == S_IFCHR
            && null.st_rdev == device
    }

    /// The error for what results are not written to.
    static func refusal(_ path: String, _ what: String) -> ProteanError {
        .fileAccess(
            file: path, reason: "is \(what); results are written to files, pipes and terminals")
    }
}
