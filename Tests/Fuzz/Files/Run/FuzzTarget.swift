import Protean
import ProteanImage

/// What became of one file.
struct FuzzOutcome {
    /// Whether it was read; otherwise `message` is the refusal.
    var isRead: Bool
    var message = ""
    /// Rules of the readers themselves that were broken.
    var problems: [String] = []
    /// What was found in a file that was read.
    var found: FileExpectation?

    static func refused(_ error: some Error) -> FuzzOutcome {
        FuzzOutcome(isRead: false, message: "\(error)")
    }
}

/// Reads a file of any format as a program would: opens it, looks at all that it holds, converts
/// what is not large.
enum FuzzTarget {
    /// Elements that are converted to Float32 per file, in all.
    static let maximumElements = 1 << 22

    /// Reads `bytes` and checks what the reader promises, whatever they are.
    static func run(_ format: FileFormat, _ bytes: [UInt8], in folder: FuzzFolder) -> FuzzOutcome {
        var outcome: FuzzOutcome
        switch format {
        case .safetensors, .pytorch, .legacy, .zip: outcome = WeightFuzzTarget.run(bytes, folder)
        case .json: outcome = ConfigurationFuzzTarget.run(bytes, folder)
        case .png, .jpeg: outcome = ImageFuzzTarget.run(bytes, folder)
        case .node: outcome = NodeFuzzTarget.run(bytes, folder)
        case .mixed:
            outcome = WeightFuzzTarget.run(bytes, folder)
            for other in [
                ImageFuzzTarget.run(bytes, folder), ConfigurationFuzzTarget.run(bytes, folder),
            ] {
                outcome.problems += other.problems
                if other.isRead, !outcome.isRead { outcome = other }
            }
        }
        if !outcome.isRead { checkMessage(&outcome, size: bytes.count) }
        return outcome
    }

    /// A refusal is one line of a bounded length that steers no terminal.
    static func checkMessage(_ outcome: inout FuzzOutcome, size: Int) {
        if outcome.message.escaped != outcome.message {
            outcome.problems.append("the message holds control characters")
        }
        if outcome.message.utf8.count > 4096 + 8 * size {
            outcome.problems.append("the message has \(outcome.message.utf8.count) bytes")
        }
        if outcome.message.isEmpty { outcome.problems.append("the message is empty") }
    }

    /// Whether the file is also read from a disk: a choice that depends on its bytes alone, so
    /// that a saved file behaves as it did.
    static func isReadFromDisk(_ bytes: [UInt8]) -> Bool {
        bytes.reduce(0) { $0 &+ Int($1) } % 4 == 0
    }
}
