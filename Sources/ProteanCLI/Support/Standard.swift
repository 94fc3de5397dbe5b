import Foundation

/// Standard output and standard error.
enum Standard {
    /// Writes a line to standard error.
    static func error(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    /// Writes a value as JSON to standard output: names sorted and in snake_case, NaN and
    /// infinities as text.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

/// A line of progress on standard error, for work that takes more than a second, on a terminal.
final class Progress {
    private let start = ContinuousClock.now
    private let isTerminal = isatty(2) == 1
    private var isShown = false

    /// Shows `text` in place of the line before.
    func show(_ text: @autoclosure () -> String) {
        guard isTerminal, ContinuousClock.now - start > .seconds(1) else { return }
        isShown = true
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text())".utf8))
    }

    /// Takes the line away.
    func finish() {
        guard isShown else { return }
        isShown = false
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }

    deinit { finish() }
}
