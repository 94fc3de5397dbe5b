/// A file format that holds named tensors.
///
/// A format is chosen by a file's content, never by its name.
public protocol CheckpointFormat: Sendable {
    /// The format's name, such as `safetensors`.
    var name: String { get }

    /// Whether `bytes`, the beginning of a file (``CheckpointBytes/headLength`` bytes, or all of a
    /// shorter one), looks like this format. Must be cheap and must not trust the bytes; the reader
    /// itself checks the file.
    func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool

    /// Reads the tensors' names, shapes and positions, and checks every rule of the format.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)``.
    func read(_ storage: CheckpointBytes, source: String) throws(ProteanError) -> Checkpoint

    /// The same for a selected part of a file. A format without containers need not implement it;
    /// any container's name then throws.
    ///
    /// - Throws: ``WeightFileProblem/unknownContainer(_:known:)`` when the file has no such
    ///   container, and as ``read(_:source:)``.
    func read(
        _ storage: CheckpointBytes, source: String, selection: CheckpointSelection
    ) throws(ProteanError) -> Checkpoint
}

extension CheckpointFormat {
    /// Throws for any container, else reads the file.
    public func read(
        _ storage: CheckpointBytes, source: String, selection: CheckpointSelection
    ) throws(ProteanError) -> Checkpoint {
        if let container = selection.container {
            throw .weightFile(file: source, problem: .unknownContainer(container, known: []))
        }
        return try read(storage, source: source)
    }
}

/// The formats that the library reads without extensions.
public enum CheckpointFormats {
    /// safetensors, PyTorch's zip files (since 1.6) and PyTorch's older files, in the order in
    /// which they are tried.
    public static let standard: [any CheckpointFormat] = [
        SafetensorsFormat(), PyTorchZipFormat(), PyTorchLegacyFormat(),
    ]
}

extension Checkpoint {
    /// Opens a weight file.
    ///
    /// - Parameters:
    ///   - path: a regular file; it is opened once.
    ///   - mapping: whether values are read on request, read at once, or mapped.
    ///   - formats: the formats to choose from by content; the first that recognises the file reads
    ///     it.
    ///   - selection: the part of the file to read, if it has several.
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``, or
    ///   ``ProteanError/weightFile(file:problem:)`` with the first rule that the file breaks.
    public static func open(
        _ path: String, mapping: FileMapping = .automatic,
        formats: [any CheckpointFormat] = CheckpointFormats.standard,
        selection: CheckpointSelection = CheckpointSelection()
    ) throws(ProteanError) -> Checkpoint {
        guard !path.isEmpty else {
            throw .fileAccess(file: "weight file", reason: "the path is empty")
        }
        return try read(
            CheckpointBytes.file(path, mapping: mapping), source: path, formats: formats,
            selection: selection)
    }

    /// Reads a weight file's content from memory, of which it keeps a copy.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` with `source` as the file.
    public init(
        contentsOf bytes: [UInt8], source: String = "memory",
        formats: [any CheckpointFormat] = CheckpointFormats.standard,
        selection: CheckpointSelection = CheckpointSelection()
    ) throws(ProteanError) {
        self = try Self.read(
            CheckpointBytes(copying: bytes, source: source), source: source, formats: formats,
            selection: selection)
    }

    /// Reads a weight file's content in place, without a copy; tensors keep `storage` alive.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` with `source` as the file.
    public init(
        viewing storage: CheckpointBytes, source: String,
        formats: [any CheckpointFormat] = CheckpointFormats.standard,
        selection: CheckpointSelection = CheckpointSelection()
    ) throws(ProteanError) {
        self = try Self.read(
            storage, source: source, formats: formats, selection: selection)
    }

    private static func read(
        _ storage: CheckpointBytes, source: String, formats: [any CheckpointFormat],
        selection: CheckpointSelection
    ) throws(ProteanError) -> Checkpoint {
        let head = UnsafeRawBufferPointer(
            rebasing: storage.bytes.prefix(CheckpointBytes.headLength))
        for format in formats
        where withExtendedLifetime(storage, { format.recognises(head) }) {
            do throws(ProteanError) {
                return try format.read(storage, source: source, selection: selection)
            } catch {
                // The kind of file is more helpful than the first rule that it breaks.
                throw foreign(storage, source: source) ?? error
            }
        }
        throw foreign(storage, source: source)
            ?? .weightFile(file: source, problem: .unknownFormat(known: formats.map(\.name)))
    }

    private static func foreign(_ storage: CheckpointBytes, source: String) -> ProteanError? {
        ForeignFormat.recognise(storage).map {
            .weightFile(file: source, problem: .foreignFormat($0))
        }
    }
}
