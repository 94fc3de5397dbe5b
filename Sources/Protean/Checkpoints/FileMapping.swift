import CProteanKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whether a weight file is mapped into memory or read.
public enum FileMapping: Sendable {
    /// Mapped: pages are read when a tensor is used and are shared with other processes. The file
    /// must not be shortened while tensors of it are alive: the system ends a process that touches
    /// a page that is gone.
    case automatic
    /// Read as a whole at once, into memory of its own. For files that may change, and for slow
    /// network disks.
    case never
}

extension CheckpointBytes {
    /// The content of a regular file, which is opened once.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)`` when it cannot be opened or is not a
    ///   regular file, ``WeightFileProblem/truncated(what:expected:found:)`` when it is empty, and
    ///   ``ProteanError/outOfMemory(layer:bytes:)``.
    static func file(
        _ path: String, mapping: FileMapping
    ) throws(ProteanError) -> CheckpointBytes {
        // Without O_NONBLOCK, opening a pipe that nobody writes to would never return.
        let descriptor = PathBytes.withCString(path) {
            open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        }
        guard descriptor >= 0 else { throw .systemCall("open", file: path) }
        defer { close(descriptor) }
        let size = try regularFileSize(descriptor, path)
        guard size > 0 else {
            throw .weightFile(
                file: path, problem: .truncated(what: "the file", expected: 1, found: 0))
        }
        switch mapping {
        case .automatic: return try map(descriptor, size, path)
        case .never: return try readAll(descriptor, size, path)
        }
    }

    /// Whether `path` names a directory. A guess only: opening the file decides.
    static func isDirectory(_ path: String) -> Bool {
        PathBytes.kind(of: path) == .directory
    }

    private static func regularFileSize(
        _ descriptor: Int32, _ path: String
    ) throws(ProteanError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .systemCall("fstat", file: path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "not a regular file"
            throw .fileAccess(file: path, reason: "is \(kind)")
        }
        return Int(status.st_size)
    }

    private static func map(
        _ descriptor: Int32, _ size: Int, _ path: String
    ) throws(ProteanError) -> CheckpointBytes {
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
        else { throw .systemCall("mmap", file: path) }
        return CheckpointBytes(UnsafeRawBufferPointer(start: base, count: size)) {
            _ = munmap(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
        }
    }

    private static func readAll(
        _ descriptor: Int32, _ size: Int, _ path: String
    ) throws(ProteanError) -> CheckpointBytes {
        guard let memory = ptn_memory_acquire(PTN_MEMORY_WEIGHTS, size) else {
            throw .outOfMemory(layer: path, bytes: size)
        }
        // Owned from here on, so that it is freed when reading fails.
        let storage = CheckpointBytes(UnsafeRawBufferPointer(start: memory, count: size)) {
            ptn_memory_release(UnsafeMutableRawPointer(mutating: $0.baseAddress))
        }
        var done = 0
        while done < size {
            let count = read(descriptor, memory + done, size - done)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .systemCall("read", file: path) }
            guard count > 0 else {
                throw .weightFile(
                    file: path, problem: .truncated(what: "the file", expected: size, found: done))
            }
            done += count
        }
        return storage
    }
}

extension ProteanError {
    /// What the system says about the call that just failed.
    static func systemCall(_ call: String, file: String) -> ProteanError {
        .fileAccess(file: file, reason: "\(call): \(String(cString: strerror(errno)))")
    }
}
