import CProteanKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How the values of a weight file are brought into memory.
public enum FileMapping: Sendable {
    /// The file stays open, and a tensor's values are read on request, into separate memory. A file
    /// that has become shorter causes an error; replacing it by renaming another file over it is
    /// safe.
    case automatic
    /// Read as a whole at once. For files that may be overwritten while they are in use.
    case never
    /// Mapped: pages are shared with other processes, and contiguous Float32 tensors are views at
    /// no cost. The file must not be shortened while tensors of it are alive: the system ends a
    /// process that reads a missing page.
    case always
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
        // Without O_NONBLOCK, opening a pipe without a writer would never return.
        let descriptor = PathBytes.withCString(path) {
            open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        }
        guard descriptor >= 0 else { throw .systemCall("open", file: path) }
        var isKept = false
        defer { if !isKept { close(descriptor) } }
        let size = try regularFileSize(descriptor, path)
        guard size > 0 else {
            throw .weightFile(
                file: path, problem: .truncated(what: "the file", expected: 1, found: 0))
        }
        switch mapping {
        case .automatic:
            let head = try readHead(descriptor, min(size, headLength), path)
            isKept = true
            return CheckpointBytes(
                descriptor: descriptor, count: size, head: head, source: path)
        case .never: return try readAll(descriptor, size, path)
        case .always: return try map(descriptor, size, path)
        }
    }

    /// Whether `path` names a directory. Only a hint: the result may be outdated when the file is
    /// opened.
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
        return CheckpointBytes(UnsafeRawBufferPointer(start: base, count: size), source: path) {
            _ = munmap(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
        }
    }

    private static func readHead(
        _ descriptor: Int32, _ count: Int, _ path: String
    ) throws(ProteanError) -> [UInt8] {
        var head = [UInt8](repeating: 0, count: count)
        let outcome = head.withUnsafeMutableBytes { memory in
            Result { () throws(ProteanError) in
                guard let base = memory.baseAddress else { return }
                try fill(base, count, from: descriptor, path)
            }
        }
        try outcome.get()
        return head
    }

    private static func readAll(
        _ descriptor: Int32, _ size: Int, _ path: String
    ) throws(ProteanError) -> CheckpointBytes {
        guard let memory = ptn_memory_acquire(PTN_MEMORY_WEIGHTS, size) else {
            throw .outOfMemory(layer: path, bytes: size)
        }
        // Owned from here on, so that it is freed when reading fails.
        let storage = CheckpointBytes(
            UnsafeRawBufferPointer(start: memory, count: size), source: path
        ) { ptn_memory_release(UnsafeMutableRawPointer(mutating: $0.baseAddress)) }
        try fill(memory, size, from: descriptor, path)
        return storage
    }

    /// Reads the first `size` bytes of a file.
    private static func fill(
        _ memory: UnsafeMutableRawPointer, _ size: Int, from descriptor: Int32, _ path: String
    ) throws(ProteanError) {
        var done = 0
        while done < size {
            let count = pread(descriptor, memory + done, size - done, off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .systemCall("read", file: path) }
            guard count > 0 else {
                throw .weightFile(
                    file: path, problem: .truncated(what: "the file", expected: size, found: done))
            }
            done += count
        }
    }
}

extension ProteanError {
    /// The system's error of the call that just failed.
    static func systemCall(_ call: String, file: String) -> ProteanError {
        .fileAccess(file: file, reason: "\(call): \(String(cString: strerror(errno)))")
    }
}
