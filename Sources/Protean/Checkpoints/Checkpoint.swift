/// The named tensors of a weight file, in the file's order.
///
/// Tensors are views of the file until they are asked for; nothing is converted before.
public struct Checkpoint: Sendable {
    /// Where the tensors came from, for error messages: a path, or a phrase such as `memory`.
    public let source: String
    /// The format's name, such as `safetensors`.
    public let format: String
    /// Names in the file's order.
    public let names: [String]
    /// Text that the file carries beside its tensors.
    public let metadata: [String: String]

    private let tensors: [String: CheckpointTensor]

    /// A checkpoint of the given tensors.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` when a name occurs twice.
    public init(
        source: String, format: String, tensors: [(name: String, tensor: CheckpointTensor)],
        metadata: [String: String] = [:]
    ) throws(ProteanError) {
        var table: [String: CheckpointTensor] = [:]
        for (name, tensor) in tensors where table.updateValue(tensor, forKey: name) != nil {
            throw .weightFile(file: source, problem: .duplicateName(name))
        }
        self.source = source
        self.format = format
        self.names = tensors.map(\.name)
        self.tensors = table
        self.metadata = metadata
    }

    /// What stands in front of every name: whole parts of a path with their dots, such as `module.`;
    /// empty for nothing. ``Module/load(_:prefix:keyMap:)`` takes it off where the rest fits.
    public var commonPrefix: String {
        KeyPrefix.common(names, depth: KeyPrefix.maximumDepth).last ?? ""
    }

    /// The tensor with this name, or nil.
    public subscript(name: String) -> CheckpointTensor? { tensors[name] }

    /// The tensor with this name as Float32.
    ///
    /// - Throws: ``ProteanError/missingTensor(file:name:similar:)`` when the file has none of this
    ///   name, and errors of the conversion.
    public func tensor(_ name: String) throws(ProteanError) -> Tensor {
        guard let found = tensors[name] else {
            throw .missingTensor(
                file: source, name: name, similar: SimilarNames.find(name, among: names))
        }
        return try found.float32()
    }
}
