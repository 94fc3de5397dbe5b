import ArgumentParser
import Foundation
import Protean

/// Values of options, with errors that say what was expected. The parser adds the option's name and
/// the value that was found.
package enum OptionValue {
    /// A whole number.
    package static func wholeNumber(
        _ range: ClosedRange<Int>
    ) -> @Sendable (String) throws -> Int {
        { text in
            guard let number = Int(text), range.contains(number) else {
                throw ValidationError(
                    range.upperBound == .max
                        ? "expected a whole number of at least \(range.lowerBound)"
                        : "expected a whole number of \(range.lowerBound)...\(range.upperBound)")
            }
            return number
        }
    }

    /// A number of threads.
    package static let threads = wholeNumber(1...Runtime.maximumThreads)

    /// A path, which is at least not empty.
    package static let path: @Sendable (String) throws -> String = { text in
        guard !text.isEmpty else { throw ValidationError("expected a path, found an empty text") }
        return text
    }

    /// The path that replaces `-` as a result's path.
    package static let standardOutput = "/dev/stdout"

    /// A path for a result that is not text; `-` means standard output, unless that is a terminal.
    package static let binaryOutput: @Sendable (String) throws -> String = { text in
        guard try path(text) == "-" else { return text }
        guard isatty(STDOUT_FILENO) == 0 else {
            throw ValidationError(
                "standard output is a terminal and the result no text; expected a pipe or a file")
        }
        return standardOutput
    }

    /// The name of an instruction set that can run here.
    package static let isa: @Sendable (String) throws -> KernelISA = { text in
        guard let isa = KernelISA(rawValue: text.lowercased()), isa.isSupported else {
            let known = KernelISA.supported.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("expected one that can run here: \(known)")
        }
        return isa
    }
}
