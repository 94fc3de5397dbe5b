import Foundation
import Protean

/// Standard output and standard error of a command.
package enum Standard {
    /// Writes lines to standard output immediately, with control characters escaped.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)`` when they could not be written: a full
    ///   disk, a closed descriptor.
    package static func print(_ text: String = "") throws(ProteanError) {
        try write(escapedLines(text) + "\n")
    }

    /// Writes a text to standard output as it is.
    ///
    /// - Throws: as ``print(_:)``.
    package static func write(_ text: String) throws(ProteanError) {
        guard RawOutput.write(text, to: STDOUT_FILENO) else {
            throw .fileAccess(
                file: "standard output", reason: "write: \(String(cString: strerror(errno)))")
        }
    }

    /// Writes lines to standard error, with control characters escaped. Failures are ignored, since
    /// there is no way to report them.
    package static func error(_ text: String) {
        _ = RawOutput.write(escapedLines(text) + "\n", to: STDERR_FILENO)
    }

    /// Writes a value as JSON to standard output: names sorted and in snake_case, NaN and
    /// infinities as text.
    ///
    /// - Throws: as ``print(_:)``.
    package static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        try write(String(decoding: try encoder.encode(value), as: UTF8.self).escapedJSON + "\n")
    }

    private static func escapedLines(_ text: String) -> String {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0).escaped }.joined(separator: "\n")
    }

    /// Opens an unusable file for each of the three standard descriptors that the parent closed:
    /// otherwise the next file that is opened would become standard output.
    static func fillClosedDescriptors() {
        for (number, flags) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY)]
            + [(STDERR_FILENO, O_RDONLY)]
        where fcntl(number, F_GETFD) < 0 {
            // `open` returns the lowest free descriptor; lower ones are open, so it is this one.
            _ = open("/dev/null", flags)
        }
    }
}
