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
