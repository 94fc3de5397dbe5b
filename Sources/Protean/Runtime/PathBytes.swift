#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// File names with arbitrary bytes as strings.
///
/// A file name is bytes; a Swift string is text. Bytes that are not UTF-8 are represented as
/// scalars of a private range, U+10F780 for 0x80 to U+10F7FF for 0xFF, and become bytes again when
/// the system is called. A name that holds one of these scalars itself is spelt byte by byte in the
/// same way, so that every sequence of bytes has a spelling that converts back to it.
package enum PathBytes {
    /// Added to a byte from 0x80 on.
    private static let base: UInt32 = 0x10F700

    /// The spelling of a file name.
    package static func spelling(of bytes: some Collection<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        var rest = Array(bytes)[...]
        while let first = rest.first {
            if let (scalar, length) = scalar(at: rest), byte(of: scalar) == nil {
                text.append(scalar)
                rest = rest.dropFirst(length)
            } else {
                text.append(Unicode.Scalar(base + UInt32(first)) ?? Unicode.Scalar(first))
                rest = rest.dropFirst()
            }
        }
        return String(text)
    }

    /// The file name that `path` spells.
    package static func bytes(of path: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(path.utf8.count)
        for scalar in path.unicodeScalars {
            if let byte = byte(of: scalar) {
                bytes.append(byte)
            } else {
                bytes += UTF8.encode(scalar).map(Array.init) ?? []
            }
        }
        return bytes
    }

    /// The byte that a scalar of the private range stands for; nil for others.
    static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        (base + 0x80...base + 0xFF).contains(scalar.value) ? UInt8(scalar.value - base) : nil
    }

    /// The UTF-8 sequence at the start; nil if there is none.
    private static func scalar(
        at bytes: ArraySlice<UInt8>
    ) -> (Unicode.Scalar, length: Int)? {
        var decoder = UTF8()
        var source = bytes.prefix(4).makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&source) else { return nil }
        return (scalar, UTF8.width(scalar))
    }

    /// Calls `body` with the file name as the system's calls take it. A name with a zero byte is
    /// passed as an empty name, which never exists; otherwise the system would read only the part
    /// before the zero.
    package static func withCString<R>(_ path: String, _ body: (UnsafePointer<CChar>) -> R) -> R {
        var bytes = bytes(of: path)
        if bytes.contains(0) { bytes = [] }
        bytes.append(0)
        return bytes.withUnsafeBytes { raw in
            raw.withMemoryRebound(to: CChar.self) { text in
                // Never empty: the array ends in a zero.
                text.baseAddress.map(body) ?? body("")
            }
        }
    }

    /// The process's arguments without the program's name, each in its spelling: in Swift's own
    /// list, bytes that are not UTF-8 are replaced.
    package static func processArguments() -> [String] {
        let arguments = UnsafeBufferPointer(
            start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
        return arguments.dropFirst().map { argument in
            guard let argument else { return "" }
            let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
            return spelling(of: bytes)
        }
    }

    /// The kind of file at a path, links followed; nil if it cannot be examined.
    package static func kind(of path: String) -> Kind? {
        var status = stat()
        guard withCString(path, { stat($0, &status) }) == 0 else { return nil }
        return Kind(mode: status.st_mode)
    }

    /// The kind of file at a path.
    package enum Kind: Equatable, Sendable {
        case regular, directory, pipe, characterDevice, blockDevice, socket, other

        init(mode: mode_t) {
            switch mode & S_IFMT {
            case S_IFREG: self = .regular
            case S_IFDIR: self = .directory
            case S_IFIFO: self = .pipe
            case S_IFCHR: self = .characterDevice
            case S_IFBLK: self = .blockDevice
            case S_IFSOCK: self = .socket
            default: self = .other
            }
        }
    }
}
