/// Names of classes in a text file, one per line.
public enum ClassNames {
    /// The longest file that is read, in bytes.
    public static let maximumLength = 1 << 20

    /// The lines of a UTF-8 text file: the name of class 0 first.
    ///
    /// Line ends may be those of Unix or Windows; empty lines at the end are ignored, others throw,
    /// because the numbers of later classes would be ambiguous.
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``, and
    ///   ``ProteanError/weightFile(file:problem:)`` for a file that is too long, is not UTF-8 or has
    ///   an empty line.
    public static func read(_ path: String) throws(ProteanError) -> [String] {
        let text = try SmallFile.bytes(path, limit: maximumLength, what: "the list of classes")
        guard let content = String(validating: text, as: UTF8.self) else {
            throw .weightFile(
                file: path, problem: .malformed(what: "list of classes", reason: "not UTF-8"))
        }
        let plain = content.unicodeScalars.drop { $0 == "\u{feff}" }
        var lines = plain.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(String.UnicodeScalarView(line.last == "\r" ? line.dropLast() : line))
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        if let empty = lines.firstIndex(where: \.isEmpty) {
            throw .weightFile(
                file: path,
                problem: .malformed(what: "list of classes", reason: "line \(empty + 1) is empty"))
        }
        return lines
    }
}

/// A file that is read as a whole.
enum SmallFile {
    /// The content of a regular file of at most `limit` bytes.
    static func bytes(
        _ path: String, limit: Int, what: String
    ) throws(ProteanError) -> [UInt8] {
        let storage = try CheckpointBytes.file(path, mapping: .automatic)
        let count = storage.count
        guard count <= limit else {
            throw .weightFile(
                file: path,
                problem: .limitExceeded(what: "the length of \(what)", limit: limit, found: count))
        }
        let content: CheckpointBytes
        do throws(WeightFileProblem) {
            content = try storage.contents(of: 0..<count)
        } catch {
            throw .weightFile(file: path, problem: error)
        }
        return withExtendedLifetime(content) { Array(content.bytes) }
    }
}
