import Foundation

/// The files of the repository, by paths from its root.
struct Repository {
    let root: URL

    /// A repository at `path`; refuses a folder without the catalogue.
    init(_ path: String) throws {
        root = URL(fileURLWithPath: path, isDirectory: true)
        guard exists(LayerFiles.catalogue) else {
            throw ScaffoldError("\(path) is not the repository's root: no \(LayerFiles.catalogue)")
        }
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    func text(_ path: String) throws -> String {
        guard
            let data = FileManager.default.contents(atPath: root.appendingPathComponent(path).path),
            let text = String(data: data, encoding: .utf8)
        else { throw ScaffoldError("\(path) cannot be read as UTF-8 text") }
        return text
    }

    func write(_ text: String, to path: String) throws {
        let file = root.appendingPathComponent(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file, options: .atomic)
    }
}

/// An error with a description of one line.
struct ScaffoldError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
