/// Hugging Face's safetensors: a JSON header and the tensors' bytes behind it.
///
/// Layout: 8 bytes little-endian header length, the header `{"name": {"dtype", "shape",
/// "data_offsets": [begin, end]}, "__metadata__": {text: text}}`, padded with spaces; then the
/// data, in which the tensors lie one after another without holes. Every rule is checked on
/// opening; the data itself is not touched.
public struct SafetensorsFormat: CheckpointFormat {
    /// The longest header that is read, as in the reference reader.
    public static let maximumHeaderLength = 100_000_000

    /// The format's name.
    public let name = "safetensors"

    /// The format.
    public init() {}

    /// Looks at the first bytes only.
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
            content = try withExtendedLifetime(storage) { () throws(WeightFileProblem) in
                try parse(storage)
            }
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
        var reader = ByteReader(storage.bytes, what: "safetensors header")
        let length = try reader.size64()
        guard length <= Self.maximumHeaderLength else {
            throw .limitExceeded(
                what: "the header's length", limit: Self.maximumHeaderLength, found: length)
        }
        let header = UnsafeRawBufferPointer(rebasing: storage.bytes[try reader.take(length)])
        guard header.first == UInt8(ascii: "{") else {
            throw .malformed(what: "safetensors header", reason: "does not start with '{'")
        }
        guard case .object(let members) = try JSONParser.parse(header, what: "safetensors header")
        else { throw .malformed(what: "safetensors header", reason: "not an object") }

        var metadata: [String: String] = [:]
        var entries: [Entry] = []
        for member in members {
            if member.name == "__metadata__" {
                metadata = try Self.metadata(member.value)
            } else {
                entries.append(try Entry(name: member.name, value: member.value))
            }
        }
        let dataStart = reader.position
        try Self.checkPlaces(entries, available: storage.bytes.count - dataStart)
        var tensors: [(name: String, tensor: CheckpointTensor)] = []
        for entry in entries {
            let count = try CheckpointTensor.elementCount(name: entry.name, shape: entry.shape)
            let found = entry.end - entry.begin
            guard count * entry.type.size == found else {
                throw .sizeMismatch(
                    tensor: entry.name, expected: count * entry.type.size, found: found)
            }
            let tensor = try CheckpointTensor(
                name: entry.name, type: entry.type, shape: entry.shape, storage: storage,
                byteOffset: dataStart + entry.begin)
            tensors.append((entry.name, tensor))
        }
        return (tensors, metadata)
    }

    private static func metadata(_ value: JSONValue) throws(WeightFileProblem) -> [String: String] {
        guard case .object(let members) = value else {
            throw .malformed(what: "__metadata__", reason: "not an object")
        }
        var texts: [String: String] = [:]
        for member in members {
            guard case .string(let text) = member.value else {
                throw .malformed(what: "__metadata__", reason: "'\(member.name)' is not a string")
            }
            texts[member.name] = text
        }
        return texts
    }

    /// Tensors must cover the data from its first to its last byte, each byte once.
    private static func checkPlaces(
        _ entries: [Entry], available: Int
    ) throws(WeightFileProblem) {
        var covered = 0
        var previous = ""
        for entry in entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            guard entry.begin <= entry.end, entry.end <= available else {
                throw .invalidRange(
                    tensor: entry.name, begin: entry.begin, end: entry.end, available: available)
            }
            guard entry.begin <= covered else { throw .gap(begin: covered, end: entry.begin) }
            guard entry.begin == covered else {
                throw .overlap(first: previous, second: entry.name)
            }
            covered = entry.end
            previous = entry.name
        }
        guard covered == available else { throw .gap(begin: covered, end: available) }
    }
}

/// One tensor as the header describes it; nothing is checked against the data yet.
private struct Entry {
    let name: String
    let type: ElementType
    let shape: [Int]
    let begin: Int
    let end: Int

    init(name: String, value: JSONValue) throws(WeightFileProblem) {
        func malformed(_ reason: String) -> WeightFileProblem {
            .malformed(what: "tensor '\(name)'", reason: reason)
        }
        guard case .object(let members) = value else { throw malformed("not an object") }
        var type: ElementType?
        var shape: [Int]?
        var offsets: [Int]?
        for member in members {
            switch (member.name, member.value) {
            case ("dtype", .string(let text)):
                guard let known = ElementType(rawValue: text) else {
                    throw .unsupportedType(tensor: name, type: text)
                }
                type = known
            case ("shape", .array(let sizes)): shape = Self.sizes(sizes)
            case ("data_offsets", .array(let places)): offsets = Self.sizes(places)
            default: throw malformed("unexpected '\(member.name)'")
            }
        }
        guard let type else { throw malformed("'dtype' is missing") }
        guard let shape else { throw malformed("'shape' is not a list of sizes") }
        guard let offsets, offsets.count == 2 else {
            throw malformed("'data_offsets' is not a pair of sizes")
        }
        self.name = name
        self.type = type
        self.shape = shape
        (begin, end) = (offsets[0], offsets[1])
    }

    /// Whole numbers of at least 0, or nil.
    private static func sizes(_ values: [JSONValue]) -> [Int]? {
        var sizes: [Int] = []
        for value in values {
            guard case .integer(let size) = value, size >= 0 else { return nil }
            sizes.append(size)
        }
        return sizes
    }
}
