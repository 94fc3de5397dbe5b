/// A rule that a weight file breaks, one case per rule.
public enum WeightFileProblem: Error, Equatable, Sendable {
    /// No registered format recognises the file's first bytes.
    case unknownFormat(known: [String])
    /// The file is of a kind that is known, but not read.
    case foreignFormat(ForeignFormat)
    /// The file ends before something it announces.
    case truncated(what: String, expected: Int, found: Int)
    /// A count or size is above the reader's limit.
    case limitExceeded(what: String, limit: Int, found: Int)
    /// Data that should be JSON, a pickle or a zip directory is malformed.
    case malformed(what: String, reason: String)
    /// The same tensor name or archive member occurs twice.
    case duplicateName(String)
    /// A tensor's bytes lie outside the data, or end before they start.
    case invalidRange(tensor: String, begin: Int, end: Int, available: Int)
    /// A tensor's shape and element type need a different number of bytes than it has.
    case sizeMismatch(tensor: String, expected: Int, found: Int)
    /// A tensor's shape and strides need more bytes than the address space has.
    case sizeOverflow(tensor: String, shape: [Int])
    /// Two tensors share bytes in a format that forbids it.
    case overlap(first: String, second: String)
    /// Bytes that belong to no tensor, in a format that forbids it.
    case gap(begin: Int, end: Int)
    /// Values of a tensor were requested whose type Protean does not convert.
    case unsupportedType(tensor: String, type: String)
    /// The file has no container of this name that holds tensors.
    case unknownContainer(String, known: [String])
    /// The system could not read a part of the file.
    case unreadable(reason: String)
    /// A pickle operation that plain pickles do not have.
    case unsupportedOpcode(UInt8, offset: Int)
    /// Containers that contain themselves, or are nested too deeply.
    case nesting(limit: Int)
    /// A feature of the format that Protean does not read.
    case unsupportedFeature(String)
    /// A checksum in the file does not match its data.
    case checksumMismatch(member: String)
}

extension WeightFileProblem: CustomStringConvertible {
    /// One line without the file's name; control characters in names from the file are escaped.
    public var description: String { text.escaped }

    private var text: String {
        switch self {
        case .unknownFormat(let known):
            "not a weight file of a known format (\(known.joined(separator: ", ")))"
        case .foreignFormat(let format):
            "\(format.name), not a weight file that is read: \(format.advice)"
        case .truncated("the file", 1, 0):
            "\(ForeignFormat.empty.name): \(ForeignFormat.empty.advice)"
        case .truncated(let what, let expected, let found):
            "truncated: \(what) needs \(expected) bytes, found \(found)"
        case .limitExceeded(let what, let limit, let found):
            "\(what) is \(found), the limit is \(limit)"
        case .malformed(let what, let reason):
            "malformed \(what): \(reason)"
        case .duplicateName(let name):
            "the name '\(name)' occurs twice"
        case .invalidRange(let tensor, let begin, let end, let available):
            "tensor '\(tensor)' lies at bytes \(begin)..<\(end), but the data has \(available)"
        case .sizeMismatch(let tensor, let expected, let found):
            "tensor '\(tensor)' needs \(expected) bytes for its shape, found \(found)"
        case .sizeOverflow(let tensor, let shape):
            "the size of tensor '\(tensor)' of shape \(shape) does not fit the address space"
        case .overlap(let first, let second):
            "tensors '\(first)' and '\(second)' overlap"
        case .gap(let begin, let end):
            "bytes \(begin)..<\(end) belong to no tensor"
        case .unsupportedType(let tensor, let type):
            "tensor '\(tensor)' has the unsupported type \(type)"
        case .unknownContainer(let name, let known) where known.isEmpty:
            "there is no container '\(name)': the file has none"
        case .unknownContainer(let name, let known):
            "there is no container '\(name)', there are: \(known.joined(separator: ", "))"
        case .unreadable(let reason):
            "cannot be read: \(reason)"
        case .unsupportedOpcode(let opcode, let offset):
            "pickle operation 0x\(String(opcode, radix: 16)) at byte \(offset) is not allowed"
        case .nesting(let limit):
            "containers are nested deeper than \(limit) or contain themselves"
        case .unsupportedFeature(let feature):
            "\(feature) is not supported"
        case .checksumMismatch(let member):
            "checksum of '\(member)' does not match"
        }
    }
}
