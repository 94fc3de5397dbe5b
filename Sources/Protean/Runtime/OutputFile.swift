import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A result that is being written to a path; all files are written through this type.
///
/// - A regular file is replaced as a whole: the result is written beside it under another name,
///   synchronised with the disk and renamed. It keeps its permission bits, and its owner and group
///   where the process may set them. Without a successful ``commit()`` the old file stays.
/// - A symbolic link is followed: its target is replaced or created.
/// - `/dev/stdout`, `/dev/fd/N`, named pipes, terminals and `/dev/null` are written directly. A
///   named pipe must have a reader within ``patience``.
/// - Directories, sockets and other devices are refused.
package final class OutputFile {
    private let path: String
    private let descriptor: Int32
    /// The new file beside the old one; nil if the result is written directly.
    private let replacement: Replacement?
    private var isOpen = true

    private struct Replacement {
        let temporary: String
        let target: String
    }

    /// The time that a named pipe may be without a reader.
    package static let patience = Duration.seconds(10)

    /// Opens what `path` names.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``.
    package init(_ path: String, patience: Duration = OutputFile.patience) throws(ProteanError) {
        self.path = path
        switch try OutputDestination(of: path) {
        case .file(let target, let existing):
            try Self.requireWritable(target, existing, path)
            let temporary = Self.temporaryName(beside: target)
            descriptor = try Self.create(temporary, existing, path)
            replacement = Replacement(temporary: temporary, target: target)
        case .descriptor(let number):
            descriptor = try Self.duplicate(number, path)
            replacement = nil
        case .pipe:
            descriptor = try Self.openPipe(path, patience)
            replacement = nil
        case .device:
            descriptor = try Self.openDevice(path)
            replacement = nil
        }
    }

    /// Writes `bytes` after those written before.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``, for a full disk too.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(ProteanError) {
        guard RawOutput.write(bytes, to: descriptor) else { throw .systemCall("write", file: path) }
    }

    /// Moves the finished result to its path.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``; the old file is then still there.
    package func commit() throws(ProteanError) {
        guard let replacement else {
            isOpen = false
            guard close(descriptor) == 0 || errno == EINTR else {
                throw .systemCall("close", file: path)
            }
            return
        }
        // Some file systems do not support synchronising and return an error.
        guard fsync(descriptor) == 0 || [EINVAL, ENOTSUP, EROFS].contains(errno) else {
            throw .systemCall("fsync", file: path)
        }
        isOpen = false
        guard close(descriptor) == 0 || errno == EINTR else {
            let error = ProteanError.systemCall("close", file: path)
            Self.remove(replacement.temporary)
            throw error
        }
        try rename(replacement)
    }

    private func rename(_ replacement: Replacement) throws(ProteanError) {
        // Under the lock, so that an interruption removes the file only while it still has this
        // name.
        let code = Self.temporaries.withLock { names -> Int32 in
            let status = PathBytes.withCString(replacement.temporary) { old in
                PathBytes.withCString(replacement.target) { systemRename(old, $0) }
            }
            let code = status == 0 ? 0 : errno
            if code != 0 { _ = PathBytes.withCString(replacement.temporary) { unlink($0) } }
            names.remove(replacement.temporary)
            return code
        }
        guard code == 0 else {
            throw .fileAccess(
                file: path,
                reason: "the file cannot be replaced: \(String(cString: strerror(code)))")
        }
        // Synchronises the renaming too; if that is not possible, the file is still complete.
        let folder = OutputDestination.folder(of: replacement.target)
        let opened = PathBytes.withCString(folder) { open($0, O_RDONLY | O_CLOEXEC) }
        if opened >= 0 {
            fsync(opened)
            close(opened)
        }
    }

    deinit {
        guard isOpen else { return }
        close(descriptor)
        if let replacement { Self.remove(replacement.temporary) }
    }
}

/// The system's `rename`, whose name the method above hides.
private func systemRename(_ old: UnsafePointer<CChar>, _ new: UnsafePointer<CChar>) -> Int32 {
    rename(old, new)
}

// MARK: - Before and all at once

extension OutputFile {
    /// Checks before a long computation whether its result can be written, by creating and removing
    /// a file beside the one to replace. Pipes are not opened, because their readers would see an
    /// end of file.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``.
    package static func check(_ path: String) throws(ProteanError) {
        switch try OutputDestination(of: path) {
        case .file: _ = try OutputFile(path)
        case .descriptor(let number): close(try duplicate(number, path))
        case .pipe, .device: try requireAccess(path, path)
        }
    }

    /// Writes a whole result.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``.
    package static func write(_ bytes: [UInt8], to path: String) throws(ProteanError) {
        let file = try OutputFile(path)
        let outcome = bytes.withUnsafeBytes { raw in
            Result { () throws(ProteanError) in try file.write(raw) }
        }
        try outcome.get()
        try file.commit()
    }

    /// Names of unfinished files.
    private static let temporaries = Mutex<Set<String>>([])

    /// Removes every unfinished file and calls `body`, for a process that is about to end: no file
    /// is created or renamed meanwhile.
    package static func removingTemporaries(then body: () -> Void) {
        temporaries.withLock { names in
            for name in names { _ = PathBytes.withCString(name) { unlink($0) } }
            names = []
            body()
        }
    }

    private static func remove(_ temporary: String) {
        temporaries.withLock { names in
            _ = PathBytes.withCString(temporary) { unlink($0) }
            names.remove(temporary)
        }
    }
}

// MARK: - Opening

extension OutputFile {
    /// A short name independent of the target's, which may already have the maximum length.
    private static func temporaryName(beside target: String) -> String {
        let folder = OutputDestination.folder(of: target)
        let random = String(UInt64.random(in: 0 ... .max), radix: 36)
        return "\(folder)/.\(getpid())-\(random).partial"
    }

    private static func requireWritable(
        _ target: String, _ existing: OutputDestination.Attributes?, _ path: String
    ) throws(ProteanError) {
        if existing != nil { return try requireAccess(target, path) }
        guard target.utf8.last == UInt8(ascii: "/") else { return }
        throw .fileAccess(file: path, reason: "ends in '/', expected a file's name")
    }

    /// Throws for a file without write permission, which renaming could still replace.
    private static func requireAccess(_ target: String, _ path: String) throws(ProteanError) {
        let status = PathBytes.withCString(target) { faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) }
        guard status == 0 else { throw .systemCall("open", file: path) }
    }

    private static func create(
        _ temporary: String, _ existing: OutputDestination.Attributes?, _ path: String
    ) throws(ProteanError) -> Int32 {
        let outcome = temporaries.withLock { names -> Result<Int32, ProteanError> in
            // Permissions are never wider than the old file's, from creation on.
            let mode = existing.map { $0.mode & 0o700 } ?? 0o666
            let opened = PathBytes.withCString(temporary) {
                open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
            }
            guard opened >= 0 else { return .failure(cannotCreate(existing, path)) }
            names.insert(temporary)
            return .success(opened)
        }
        let opened = try outcome.get()
        if let existing { handOn(existing, to: opened) }
        return opened
    }

    private static func cannotCreate(
        _ existing: OutputDestination.Attributes?, _ path: String
    ) -> ProteanError {
        let reason = String(cString: strerror(errno))
        return .fileAccess(
            file: path,
            reason: existing == nil
                ? "cannot be made: \(reason)"
                : "cannot be replaced, because its folder cannot be written: \(reason)")
    }

    /// Owner, group and permissions. If the group cannot be set, it gets no more permissions than
    /// others have.
    private static func handOn(_ old: OutputDestination.Attributes, to opened: Int32) {
        var mode = old.mode
        if fchown(opened, old.owner, old.group) != 0, fchown(opened, uid_t.max, old.group) != 0 {
            mode = mode & ~0o070 | (mode & 0o007) << 3 & mode
        }
        fchmod(opened, mode)
    }

    private static func duplicate(_ number: Int32, _ path: String) throws(ProteanError) -> Int32 {
        let flags = fcntl(number, F_GETFL)
        guard flags >= 0 else { throw .systemCall("open", file: path) }
        guard flags & O_ACCMODE != O_RDONLY else {
            throw .fileAccess(file: path, reason: "is open for reading only")
        }
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .systemCall("dup", file: path) }
        return copy
    }

    /// Polls for a reader: a blocking `open` would wait forever.
    private static func openPipe(
        _ path: String, _ patience: Duration
    ) throws(ProteanError) -> Int32 {
        let end = ContinuousClock.now + patience
        while true {
            let opened = PathBytes.withCString(path) {
                open($0, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            }
            if opened >= 0 {
                _ = fcntl(opened, F_SETFL, fcntl(opened, F_GETFL) & ~O_NONBLOCK)
                return opened
            }
            guard errno == ENXIO || errno == EINTR else { throw .systemCall("open", file: path) }
            guard ContinuousClock.now < end else {
                throw .fileAccess(file: path, reason: "nobody reads from this pipe")
            }
            usleep(20_000)
        }
    }

    private static func openDevice(_ path: String) throws(ProteanError) -> Int32 {
        let opened = PathBytes.withCString(path) {
            open($0, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        }
        guard opened >= 0 else { throw .systemCall("open", file: path) }
        var status = stat()
        guard
            isatty(opened) == 1
                || fstat(opened, &status) == 0 && OutputDestination.isNull(status.st_rdev)
        else {
            close(opened)
            throw OutputDestination.refusal(path, "a device")
        }
        _ = fcntl(opened, F_SETFL, fcntl(opened, F_GETFL) & ~O_NONBLOCK)
        return opened
    }
}
