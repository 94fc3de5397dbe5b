import Protean
import ProteanImage

/// A problem that a command found itself, as one line.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// The line for a failure of the work itself; nil for the argument parser's own errors, which
    /// bring usage and exit status with them.
    static func line(for error: any Error) -> String? {
        let text: String
        switch error {
        case let error as ProteanError: text = error.description
        case let error as ImageError: text = error.description
        case let error as Failure: text = error.description
        default: return nil
        }
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
