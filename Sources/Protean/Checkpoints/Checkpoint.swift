/// The named tensors of a weight file, in the file's order.
///
/// Values stay in the file until they are requested; nothing is converted before.
public struct Checkpoint: Sendable {
    /// Where the tensors came from, for error messages: a path, or a phrase such as `memory`.
    public let source: String
    /// The format's name, such as `safetensors`.
    public let format: String
    /// Names in the file's order. Two names are the same only if their bytes are.
    public let names: [String]
    /// Text in the file that does not belong to a tensor.
    public let metadata: [String: String]
    /// Remarks for the user on choices among several possibilities, one per line; commands print
    /// them to standard error.
    public let notes: [String]
    /// The containers that ``CheckpointSelection/container`` can name, the preferred first.
    public let containers: [String]
    /// Other objects in the file, at most ``CheckpointObject/maximumCount`` objects.
    public let otherObjects: [CheckpointObject]

    private let tensors: [CheckpointTensor]
    private let places: [ExactName: Int]

    /// A checkpoint of the given tensors.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` when a name occurs twice.
    public init(
        source: String, format: String, tensors: [(name: String, tensor: CheckpointTensor)],
        metadata: [String: String] = [:], notes: [String] = [], containers: [String] = [],
        otherObjects: [CheckpointObject] = []
    ) throws(ProteanError) {
        var places: [ExactName: Int] = [:]
        places.reserveCapacity(tensors.count)
        for (place, entry) in tensors.enumerated()
        where places.updateValue(place, forKey: ExactName(entry.name)) != nil {
            throw .weightFile(file: source, problem: .duplicateName(entry.name))
        }
        self.source = source
        self.format = format
        self.names = tensors.map(\.name)
        self.tensors = tensors.map(\.tensor)
        self.places = places
        self.metadata = metadata
        self.notes = notes
        self.containers = containers
        self.otherObjects = otherObjects
    }

    /// The common prefix of all names: whole parts of a path with their dots, such as `module.`;
    /// may be empty. ``Module/load(_:prefix:keyMap:)`` removes it if the remaining names fit.
    public var commonPrefix: String {
        KeyPrefix.common(names, depth: KeyPrefix.maximumDepth).last ?? ""
    }

    /// The tensor with this name, or nil.
    public subscript(name: String) -> CheckpointTensor? {
        places[ExactName(name)].map { tensors[$0] }
    }

    /// The tensor with this name as Float32.
    ///
    /// - Throws: ``ProteanError/missingTensor(file:name:similar:)`` when the file has none of this
    ///   name, and errors of the conversion.
    public func tensor(_ name: String) throws(ProteanError) -> Tensor {
        guard let found = self[name] else {
            throw .missingTensor(
                file: source, name: name, similar: SimilarNames.find(name, among: names))
        }
        return try found.float32()
    }
}
