import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A result on its way to the place that a path names; every file that is written goes through
/// here.
///
/// - A regular file is replaced as a whole: the result is written beside it under another name,
///   synchronised with the disk and renamed. It keeps its permission bits, and its owner and group
///   where the process may set them. Without a successful ``commit()`` the old file stays.
/// - A symbolic link is followed: the file that it leads to is replaced or made.
/// - `/dev/stdout`, `/dev/fd/N`, named pipes, terminals and `/dev/null` are written through. A
///   named pipe must have a reader within ``patience``.
/// - Directories, sockets and other devices are refused.
package final class OutputFile {
    private let path: String
    private let descriptor: Int32
    /// The new file beside the old one; nil for what is written through.
    private let replacement: Replacement?
    private var isOpen = true

    private struct Replacement {
        let temporary: String
        let target: String
    }

    /// How long a named pipe may be without a reader.
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

    /// Puts the result in its place.
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
        // Some file systems cannot synchronise and say so.
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
        // Under the lock, so that an interruption removes either nothing or a file still here.
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
        // The name's change reaches the disk too; where it cannot, the file is whole all the same.
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
    /// Finds out before a long computation whether its result could be written: makes and removes a
    /// file beside the one to replace. Pipes are not opened, their readers would see an end.
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

    /// Names of files that are not finished.
    private static let temporaries = Mutex<Set<String>>([])

    /// Removes every file that is not finished and calls `body`, for a process that is about to
    /// end: nothing is made or put in its place meanwhile.
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
    /// A name of its own length, because the target's may be as long as names can be.
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

    /// Refuses a file without permission to write, which could be replaced all the same.
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

    /// Owner, group and permissions. Who may not set the group gives it no more than everybody has.
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

    /// Waits for a reader in steps: a plain `open` would wait for ever.
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
