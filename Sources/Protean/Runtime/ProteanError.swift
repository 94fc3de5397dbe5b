/// Everything that Protean's library calls can throw, one case per cause.
///
/// Each case says where it happened, what was expected and what was found; `description` is one
/// line that is safe to print on a terminal.
public enum ProteanError: Error, Equatable, Sendable {
    /// A tensor's shape does not fit the layer or operation that received it.
    case shapeMismatch(layer: String, tensor: String, expected: String, found: [Int])
    /// A layer option, configuration key or argument has a value that is not supported.
    case invalidOption(layer: String, option: String, expected: String, found: String)
    /// Neighbours in a container cannot fit: `layer` takes `expected` channels, `previous` before it
    /// gives `found`.
    case channelMismatch(
        container: String, layer: String, expected: Int, previous: String, found: Int)
    /// A byte count does not fit the address space.
    case sizeOverflow(layer: String, what: String)
    /// Memory for a tensor, packed weights or scratch could not be allocated.
    case outOfMemory(layer: String, bytes: Int)
    /// The requested instruction set does not exist in this build or on this CPU.
    case unsupportedISA(requested: String, supported: [String])
    /// A weight file breaks a rule of its format.
    case weightFile(file: String, problem: WeightFileProblem)
    /// A checkpoint and a model do not fit. All problems are listed at once, with names as in the
    /// file; `hints` suggest remedies. ``description`` names the first few, ``fullDescription``
    /// all.
    case parameterMismatch(
        file: String, missing: [String], unused: [String], misshapen: [MisshapenParameter],
        hints: [String] = [])
    /// A file has no tensor of this name; `similar` ones it has.
    case missingTensor(file: String, name: String, similar: [String])
    /// No model plug-in, checkpoint format or layer has this name.
    case unknownName(kind: String, name: String, known: [String])
    /// A file could not be read or written.
    case fileAccess(file: String, reason: String)
    /// Values were requested from a tensor that carries a shape only.
    case noValues(layer: String)
    /// A kernel refused its arguments: a defect of the library itself.
    case kernel(layer: String, reason: String)
    /// The task was cancelled inside ``Runtime/stoppingWhenCancelled(_:)``, which turns this into
    /// `CancellationError`.
    case cancelled
}

/// A parameter whose shape in a file differs from the model's.
public struct MisshapenParameter: Equatable, Sendable {
    /// The key in the file.
    public let name: String
    /// The model's shape.
    public let expected: [Int]
    /// The file's shape.
    public let found: [Int]

    /// Describes one mismatch.
    public init(name: String, expected: [Int], found: [Int]) {
        self.name = name
        self.expected = expected
        self.found = found
    }
}

extension ProteanError: CustomStringConvertible {
    /// One line that names the place, what was expected and what was found. Control characters in
    /// names that come from files are escaped.
    public var description: String { line.escaped }

    private var line: String {
        switch self {
        case .shapeMismatch(let layer, let tensor, let expected, let found):
            "\(layer): tensor '\(tensor)' has shape \(found), expected \(expected)"
        case .invalidOption(let layer, let option, let expected, let found):
            "\(layer): option '\(option)' is \(found), expected \(expected)"
        case .channelMismatch(let container, let layer, let expected, let previous, let found):
            "\(container): \(layer) expects \(expected) channels, \(previous) gives \(found)"
        case .sizeOverflow(let layer, let what):
            "\(layer): the size of \(what) does not fit the address space"
        case .outOfMemory(let layer, let bytes):
            "\(layer): no memory for \(bytes) bytes"
                + (bytes > Memory.limit ? ", more than the limit of \(Memory.limit)" : "")
        case .unsupportedISA(let requested, let supported):
            "instruction set '\(requested)' cannot run here, supported: "
                + supported.joined(separator: ", ")
        case .weightFile(let file, let problem):
            "\(file): \(problem)"
        case .parameterMismatch(let file, let missing, let unused, let misshapen, let hints):
            MismatchText(missing: missing, unused: unused, misshapen: misshapen, hints: hints)
                .line(file: file, limit: MismatchText.shortLimit)
        case .missingTensor(let file, let name, let similar):
            "\(file): no tensor is named '\(name)'"
                + (similar.isEmpty ? "" : "; similar: \(similar.joined(separator: ", "))")
        case .unknownName(let kind, let name, let known):
            "unknown \(kind) '\(name)', known: \(known.joined(separator: ", "))"
        case .fileAccess(let file, let reason):
            "\(file): \(reason)"
        case .noValues(let layer):
            "\(layer): the tensor carries a shape only, no values"
        case .kernel(let layer, let reason):
            "\(layer): kernel refused the call: \(reason)"
        case .cancelled:
            "the task was cancelled"
        }
    }

    /// ``description`` with every name of a ``parameterMismatch(file:missing:unused:misshapen:hints:)``
    /// instead of the first five of each kind.
    public var fullDescription: String {
        guard
            case .parameterMismatch(let file, let missing, let unused, let misshapen, let hints) =
                self
        else { return description }
        return MismatchText(missing: missing, unused: unused, misshapen: misshapen, hints: hints)
            .line(file: file, limit: .max).escaped
    }
}
