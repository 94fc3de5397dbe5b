#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A weight file's content: in memory, or in an open file from which parts are read when they are
/// needed.
///
/// Safety of `@unchecked Sendable`: nothing is written after creation, and reads at an offset do
/// not move the file's position.
public final class CheckpointBytes: @unchecked Sendable {
    /// Number of bytes at the start of a file that are kept in memory if it is read in parts: 64
    /// KiB.
    public static let headLength = 1 << 16

    /// Where the bytes came from, for error messages: a path, or a phrase such as `memory`.
    public let source: String
    /// Number of bytes.
    public let count: Int
    /// The bytes in memory, valid as long as this object lives: all of them, or the first
    /// ``headLength`` of a longer file that is read in parts.
    public let bytes: UnsafeRawBufferPointer
    /// The open file, or -1 when everything is in memory.
    private let descriptor: Int32
    private let release: (UnsafeRawBufferPointer) -> Void

    /// Takes ownership of `bytes`; `release` is called with them at the end.
    public init(
        _ bytes: UnsafeRawBufferPointer, source: String = "memory",
        release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) {
        self.bytes = bytes
        self.source = source
        self.release = release
        count = bytes.count
        descriptor = -1
    }

    /// A copy of an array.
    public convenience init(copying array: [UInt8], source: String = "memory") {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: array.count, alignment: 64)
        memory.copyBytes(from: array)
        self.init(UnsafeRawBufferPointer(memory), source: source) { $0.deallocate() }
    }

    /// Takes ownership of an open file of `count` bytes, of which `head` are in memory.
    init(descriptor: Int32, count: Int, head: [UInt8], source: String) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: head.count, alignment: 64)
        memory.copyBytes(from: head)
        bytes = UnsafeRawBufferPointer(memory)
        self.source = source
        self.count = count
        self.descriptor = descriptor
        release = { $0.deallocate() }
    }

    deinit {
        release(bytes)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Whether ``bytes`` holds the whole content.
    public var isInMemory: Bool { bytes.count == count }

    /// The bytes of `range` in memory: a view of ``bytes`` if they are part of it, else read from
    /// the file.
    ///
    /// - Throws: ``WeightFileProblem/truncated(what:expected:found:)`` when the range reaches beyond
    ///   the end, also of a file that has become shorter since it was opened, and
    ///   ``WeightFileProblem/unreadable(reason:)``.
    public func contents(of range: Range<Int>) throws(WeightFileProblem) -> CheckpointBytes {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .truncated(what: "the file", expected: range.upperBound, found: count)
        }
        if range.upperBound <= bytes.count {
            let view = UnsafeRawBufferPointer(rebasing: bytes[range])
            return CheckpointBytes(view, source: source) { [self] _ in
                withExtendedLifetime(self) {}
            }
        }
        guard let memory = malloc(max(range.count, 1)) else {
            throw .unreadable(reason: "no memory for \(range.count) bytes")
        }
        // Owned from here on, so that it is freed when reading fails.
        let part = CheckpointBytes(
            UnsafeRawBufferPointer(start: memory, count: range.count), source: source
        ) { free(UnsafeMutableRawPointer(mutating: $0.baseAddress)) }
        try read(range, into: memory)
        return part
    }

    /// Copies the bytes of `range` to `target`. Throws as ``contents(of:)``.
    func read(
        _ range: Range<Int>, into target: UnsafeMutableRawPointer
    ) throws(WeightFileProblem) {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .truncated(what: "the file", expected: range.upperBound, found: count)
        }
        if range.upperBound <= bytes.count {
            guard let base = bytes.baseAddress else { return }
            target.copyMemory(from: base + range.lowerBound, byteCount: range.count)
            return
        }
        var done = 0
        while done < range.count {
            let found = pread(
                descriptor, target + done, range.count - done, off_t(range.lowerBound + done))
            if found < 0, errno == EINTR { continue }
            guard found >= 0 else { throw .unreadable(reason: String(cString: strerror(errno))) }
            guard found > 0 else {
                throw .truncated(
                    what: "the file", expected: range.upperBound, found: range.lowerBound + done)
            }
            done += found
        }
    }

    /// Calls `body` with the bytes of `range` in pieces of a megabyte at most, in order.
    func forEachPiece(
        of range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(WeightFileProblem) {
        let step = 1 << 20
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, start + step)
            let piece = try contents(of: start..<end)
            withExtendedLifetime(piece) { body(piece.bytes) }
            start = end
        }
    }
}
