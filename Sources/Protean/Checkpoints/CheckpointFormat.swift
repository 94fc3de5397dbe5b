/// A file format that holds named tensors.
///
/// A format is chosen by a file's content, never by its name.
public protocol CheckpointFormat: Sendable {
    /// The format's name, such as `safetensors`.
    var name: String { get }

    /// Whether `bytes`, a whole file's content, looks like this format. Must be cheap and must not
    /// trust anything: the reader itself checks the file.
    func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool

    /// Reads the tensors' names, shapes and places, and checks every rule of the format.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)``.
    func read(_ storage: CheckpointBytes, source: String) throws(ProteanError) -> Checkpoint
}

/// The formats that the library reads by itself.
public enum CheckpointFormats {
    /// safetensors, PyTorch's zip files (since 1.6) and PyTorch's older files, in the order in
    /// which they are asked.
    public static let standard: [any CheckpointFormat] = [
        SafetensorsFormat(), PyTorchZipFormat(), PyTorchLegacyFormat(),
    ]
}

extension Checkpoint {
    /// Opens a weight file.
    ///
    /// - Parameters:
    ///   - path: a regular file; it is opened once.
    ///   - mapping: whether tensors are views of the file or of a copy in memory.
    ///   - formats: the formats to choose from by content; the first that recognises the file reads
    ///     it.
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``, or
    ///   ``ProteanError/weightFile(file:problem:)`` with the first rule that the file breaks.
    public static func open(
        _ path: String, mapping: FileMapping = .automatic,
        formats: [any CheckpointFormat] = CheckpointFormats.standard
    ) throws(ProteanError) -> Checkpoint {
        try read(CheckpointBytes.file(path, mapping: mapping), source: path, formats: formats)
    }

    /// Reads a weight file's content from memory, of which it keeps a copy.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` with `source` as the file.
    public init(
        contentsOf bytes: [UInt8], source: String = "memory",
        formats: [any CheckpointFormat] = CheckpointFormats.standard
    ) throws(ProteanError) {
        self = try Self.read(CheckpointBytes(copying: bytes), source: source, formats: formats)
    }

    /// Reads a weight file's content where it lies, without a copy; tensors keep `storage` alive.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` with `source` as the file.
    public init(
        viewing storage: CheckpointBytes, source: String,
        formats: [any CheckpointFormat] = CheckpointFormats.standard
    ) throws(ProteanError) {
        self = try Self.read(storage, source: source, formats: formats)
    }

    private static func read(
        _ storage: CheckpointBytes, source: String, formats: [any CheckpointFormat]
    ) throws(ProteanError) -> Checkpoint {
        for format in formats where format.recognises(storage.bytes) {
            return try format.read(storage, source: source)
        }
        throw .weightFile(file: source, problem: .unknownFormat(known: formats.map(\.name)))
    }
}
