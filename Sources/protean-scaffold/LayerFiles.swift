import Foundation
import ProteanCatalogue

/// The files made for a new layer, and the lines added to existing files.
struct LayerFiles {
    static let catalogue = "Sources/ProteanCatalogue/LayerCatalogue.swift"

    /// A file with its text.
    struct File {
        let path: String
        let text: String
    }

    /// Files that must not exist yet.
    let new: [File]
    /// Files that get a few lines.
    let changed: [File]
    /// The steps left to do by hand, in order.
    let steps: [String]

    /// Plans the files of a layer, `kernel` included or not; throws if a file already exists.
    init(_ names: LayerNames, kernel: Bool, in repository: Repository) throws {
        let templates = LayerTemplates(names: names, hasKernel: kernel)
        var new = templates.files
        var changed = [
            File(
                path: Self.catalogue,
                text: try Self.listed(names.member, in: repository.text(Self.catalogue)))
        ]
        let generator = templates.generatorPath
        if repository.exists(generator) {
            let text = try repository.text(generator)
            changed.append(File(path: generator, text: try templates.appended(to: text)))
        } else {
            new.append(File(path: generator, text: templates.newGenerator))
        }
        if kernel { new += KernelTemplates(names: names).files }
        if let existing = new.first(where: { repository.exists($0.path) }) {
            throw ScaffoldError("\(existing.path) exists; nothing was written")
        }
        self.new = new
        self.changed = changed
        steps = templates.steps
    }

    /// The catalogue's list with one more line, sorted without regard to capitals.
    static func listed(_ member: String, in text: String) throws -> String {
        let prefix = "        ."
        let line = "\(prefix)\(member),"
        var lines = text.components(separatedBy: "\n")
        guard !lines.contains(line) else {
            throw ScaffoldError("\(catalogue) has the line '\(line)' already; nothing was written")
        }
        guard let last = lines.lastIndex(where: { $0.hasPrefix(prefix) }) else {
            throw ScaffoldError("\(catalogue) has no line that begins with '\(prefix)'")
        }
        let next = lines.firstIndex {
            $0.hasPrefix(prefix) && $0.lowercased() > line.lowercased()
        }
        lines.insert(line, at: next ?? last + 1)
        return lines.joined(separator: "\n")
    }

    /// Writes everything.
    func write(to repository: Repository) throws {
        for file in new + changed { try repository.write(file.text, to: file.path) }
    }
}
