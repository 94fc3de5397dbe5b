/// The location of the weights that are shipped with a plug-in.
public enum WeightSource: Sendable {
    /// In the file at a path. A missing file is an error that names it, when the model is made.
    case file(String)
    /// In memory: a whole weight file's content, of which tensors are views; nothing is copied.
    /// `name` is used in errors.
    ///
    /// Constants that are compiled into the program need no release:
    /// `CheckpointBytes(bytes) { _ in }`.
    case memory(CheckpointBytes, name: String)

    /// Opens the weights.
    ///
    /// - Parameters:
    ///   - mapping: whether a file is mapped or read.
    ///   - formats: the formats to choose from by content.
    ///   - selection: the container that holds the weights, if there are several.
    /// - Throws: as ``Checkpoint/open(_:mapping:formats:selection:)``.
    public func open(
        mapping: FileMapping = .automatic,
        formats: [any CheckpointFormat] = CheckpointFormats.standard,
        selection: CheckpointSelection = CheckpointSelection()
    ) throws(ProteanError) -> Checkpoint {
        switch self {
        case .file(let path):
            try Checkpoint.open(
                path, mapping: mapping, formats: formats, selection: selection)
        case .memory(let bytes, let name):
            try Checkpoint(
                viewing: bytes, source: name, formats: formats, selection: selection)
        }
    }
}
