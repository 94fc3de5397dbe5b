/// Reads the header of a safetensors file directly from its text, without building a tree of
/// values.
enum SafetensorsHeader {
    /// Longest accepted name in bytes.
    static let maximumNameLength = 1024
    /// Maximum number of metadata entries.
    static let maximumTexts = 1 << 16

    /// The entries in the header's order, and the metadata.
    static func read(
        _ start: JSONParser
    ) throws(WeightFileProblem) -> (entries: [SafetensorsEntry], metadata: [String: String]) {
        var parser = start
        var entries: [SafetensorsEntry] = []
        var metadata: [String: String]?
        try parser.readObject { parser, name throws(WeightFileProblem) in
            guard name.utf8.count <= maximumNameLength else {
                throw .limitExceeded(
                    what: "the length of a tensor's name", limit: maximumNameLength,
                    found: name.utf8.count)
            }
            if name == "__metadata__" {
                guard metadata == nil else { throw .duplicateName(name) }
                metadata = try texts(&parser)
            } else {
                entries.append(try SafetensorsEntry(name: name, &parser))
            }
        }
        try parser.finish()
        return (entries, metadata ?? [:])
    }

    private static func texts(
        _ parser: inout JSONParser
    ) throws(WeightFileProblem) -> [String: String] {
        let what = "__metadata__"
        guard parser.peek() == UInt8(ascii: "{") else {
            throw .malformed(what: what, reason: "not an object")
        }
        var texts: [String: String] = [:]
        try parser.readObject { parser, name throws(WeightFileProblem) in
            guard name.utf8.count <= maximumNameLength else {
                throw .limitExceeded(
                    what: "the length of a name in \(what)", limit: maximumNameLength,
                    found: name.utf8.count)
            }
            guard parser.peek() == UInt8(ascii: "\"") else {
                throw .malformed(what: what, reason: "'\(name)' is not a string")
            }
            guard texts.updateValue(try parser.string(), forKey: name) == nil else {
                throw .duplicateName(name)
            }
            guard texts.count <= maximumTexts else {
                throw .limitExceeded(
                    what: "the number of texts in \(what)", limit: maximumTexts,
                    found: texts.count)
            }
        }
        return texts
    }

    /// Tensors must cover the data from its first to its last byte, each byte once.
    static func checkPlaces(
        _ entries: [SafetensorsEntry], available: Int
    ) throws(WeightFileProblem) {
        var covered = 0
        var previous = ""
        let order = entries.indices.sorted {
            (entries[$0].begin, entries[$0].end, $0) < (entries[$1].begin, entries[$1].end, $1)
        }
        for entry in order.lazy.map({ entries[$0] }) {
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
struct SafetensorsEntry {
    let name: String
    let begin: Int
    let end: Int
    private let type: ElementType
    private let shape: [Int]

    /// Bits per element of the format's types that Protean does not convert.
    private static let foreignBits: [String: Int] = [
        "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "C64": 64,
    ]
    private static let maximumTypeLength = 64
    private static let maximumFieldLength = 64

    init(name: String, _ parser: inout JSONParser) throws(WeightFileProblem) {
        func malformed(_ reason: String) -> WeightFileProblem {
            .malformed(what: "tensor '\(name)'", reason: reason)
        }
        guard parser.peek() == UInt8(ascii: "{") else { throw malformed("not an object") }
        var type: ElementType?
        var shape: [Int]?
        var offsets: [Int]?
        try parser.readObject { parser, field throws(WeightFileProblem) in
            guard field.utf8.count <= Self.maximumFieldLength else {
                throw malformed("a field with a name of \(field.utf8.count) bytes")
            }
            switch field {
            case "dtype":
                guard type == nil else { throw .duplicateName(field) }
                guard parser.peek() == UInt8(ascii: "\"") else {
                    throw malformed("'dtype' is not a string")
                }
                type = try Self.type(try parser.string(), name: name)
            case "shape":
                guard shape == nil else { throw .duplicateName(field) }
                let sizes = try Self.sizes(
                    &parser, else: malformed("'shape' is not a list of sizes"))
                try CheckpointTensor.checkRank(name: name, sizes.count)
                shape = sizes
            case "data_offsets":
                guard offsets == nil else { throw .duplicateName(field) }
                let problem = malformed("'data_offsets' is not a pair of sizes")
                offsets = try Self.sizes(&parser, else: problem)
                guard offsets?.count == 2 else { throw problem }
            default: throw malformed("unexpected '\(field)'")
            }
        }
        guard let type else { throw malformed("'dtype' is missing") }
        guard let shape else { throw malformed("'shape' is missing") }
        guard let offsets else { throw malformed("'data_offsets' is missing") }
        self.name = name
        self.type = type
        self.shape = shape
        (begin, end) = (offsets[0], offsets[1])
    }

    private static func type(
        _ text: String, name: String
    ) throws(WeightFileProblem) -> ElementType {
        guard text.utf8.count <= maximumTypeLength else {
            throw .limitExceeded(
                what: "the length of the type of tensor '\(name)'", limit: maximumTypeLength,
                found: text.utf8.count)
        }
        return ElementType(rawValue: text) ?? .unsupported(text)
    }

    /// Whole numbers of at least 0; for anything else `problem` is thrown.
    private static func sizes(
        _ parser: inout JSONParser, else problem: WeightFileProblem
    ) throws(WeightFileProblem) -> [Int] {
        guard parser.peek() == UInt8(ascii: "[") else { throw problem }
        var sizes: [Int] = []
        try parser.readArray { parser throws(WeightFileProblem) in
            // Rejected here, because a nested list would be parsed into a tree.
            guard let first = parser.peek(), first != UInt8(ascii: "["), first != UInt8(ascii: "{"),
                case .integer(let size) = try parser.readValue(), size >= 0
            else { throw problem }
            sizes.append(size)
        }
        return sizes
    }

    /// The tensor; its range must already be within the data.
    func tensor(
        _ storage: CheckpointBytes, dataStart: Int
    ) throws(WeightFileProblem) -> CheckpointTensor {
        let count = try CheckpointTensor.elementCount(name: name, shape: shape)
        let found = end - begin
        let bits = type.isSupported ? 8 * type.size : Self.foreignBits[type.rawValue]
        if let bits {
            let (total, overflow) = count.multipliedReportingOverflow(by: bits)
            let expected = overflow ? Int.max : total / 8 + (total % 8 == 0 ? 0 : 1)
            guard expected == found else {
                throw .sizeMismatch(tensor: name, expected: expected, found: found)
            }
        }
        guard type.isSupported else {
            return try CheckpointTensor(
                name: name, unsupported: type.rawValue, shape: shape, storage: storage,
                byteOffset: dataStart + begin, byteCount: found)
        }
        return try CheckpointTensor(
            name: name, type: type, shape: shape, storage: storage, byteOffset: dataStart + begin)
    }
}
