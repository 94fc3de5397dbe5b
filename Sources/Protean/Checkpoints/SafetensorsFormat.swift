/// Hugging Face's safetensors: a JSON header followed by the tensors' bytes.
///
/// Layout: 8 bytes little-endian header length, the header
/// `{"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {text: text}}`,
/// padded with spaces; then the data, in which the tensors are stored one after another without
/// gaps. Every rule is checked on opening; the data itself is not read.
public struct SafetensorsFormat: CheckpointFormat {
    /// The longest header that is read, as in the reference reader.
    public static let maximumHeaderLength = 100_000_000

    /// The format's name.
    public let name = "safetensors"

    /// The format.
    public init() {}

    /// Examines the first bytes only.
    public func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 8 && bytes[8] == UInt8(ascii: "{")
    }

    /// Checks the file against the format's rules and describes its tensors.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` with the first rule that is broken.
    public func read(
        _ storage: CheckpointBytes, source: String
    ) throws(ProteanError) -> Checkpoint {
        let content: Content
        do {
            content = try parse(storage)
        } catch {
            throw .weightFile(file: source, problem: error)
        }
        return try Checkpoint(
            source: source, format: name, tensors: content.tensors, metadata: content.metadata)
    }

    private typealias Content = (
        tensors: [(name: String, tensor: CheckpointTensor)], metadata: [String: String]
    )

    private func parse(_ storage: CheckpointBytes) throws(WeightFileProblem) -> Content {
        let what = "safetensors header"
        let (length, dataStart) = try headerLength(storage, what)
        let header = try storage.contents(of: (dataStart - length)..<dataStart)
        let (entries, metadata) = try withExtendedLifetime(header) {
            () throws(WeightFileProblem) in
            guard header.bytes.first == UInt8(ascii: "{") else {
                throw .malformed(what: what, reason: "does not start with '{'")
            }
            return try SafetensorsHeader.read(JSONParser(bytes: header.bytes, what: what))
        }
        try SafetensorsHeader.checkPlaces(entries, available: storage.count - dataStart)
        var tensors: [(name: String, tensor: CheckpointTensor)] = []
        tensors.reserveCapacity(entries.count)
        for entry in entries {
            tensors.append((entry.name, try entry.tensor(storage, dataStart: dataStart)))
        }
        return (tensors, metadata)
    }

    /// The header's length, from the first eight bytes, and the offset of its end.
    private func headerLength(
        _ storage: CheckpointBytes, _ what: String
    ) throws(WeightFileProblem) -> (length: Int, end: Int) {
        let start = try storage.contents(of: 0..<8)
        var reader = ByteReader(start.bytes, what: what)
        let length = try withExtendedLifetime(start) { () throws(WeightFileProblem) in
            try reader.size64()
        }
        guard length <= Self.maximumHeaderLength else {
            throw .limitExceeded(
                what: "the header's length", limit: Self.maximumHeaderLength, found: length)
        }
        guard length <= storage.count - 8 else {
            throw .truncated(what: what, expected: length, found: storage.count - 8)
        }
        return (length, length + 8)
    }
}
