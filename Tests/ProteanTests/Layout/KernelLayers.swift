import Foundation

/// The declared order of the C files, and what in a graph of includes breaks it.
///
/// Each line of the declaration is a layer, the lowest first. It names folders or, as `folder/stem`,
/// files without their suffix: `.c`, `.h` and `.inc` of one stem are one node. A file may include its own
/// stem, public headers (`include/`), and nodes of lower layers. Within a folder that is declared as a
/// whole files may include each other, but not in a circle.
struct KernelLayers {
    struct File {
        /// Relative to the folder of the kernels.
        let path: String
        /// What it includes, relative as well.
        let includes: [String]
    }

    private var rank: [String: Int] = [:]
    private let folders: Set<String>

    init(declaration: String) {
        let lines = declaration.split(separator: "\n").map { $0.split(separator: " ") }
        for (index, names) in lines.enumerated() {
            for name in names { rank[String(name)] = index }
        }
        folders = Set(rank.keys.filter { !$0.contains("/") })
    }

    /// One sentence for each file that is not declared, each include that does not point downwards, and
    /// each circle.
    func problems(in files: [File]) -> [String] {
        files.flatMap { file in
            unknown(file.path) + file.includes.flatMap { problem(from: file.path, to: $0) }
        } + circles(in: files)
    }

    private func unknown(_ path: String) -> [String] {
        Self.folder(path) == "include" || place(path) != nil ? [] : ["\(path) has no layer"]
    }

    private func problem(from path: String, to target: String) -> [String] {
        let same = Self.node(path) == Self.node(target)
        if same || Self.folder(target) == "include" { return [] }
        if Self.folder(path) == "include" { return ["\(path) includes the private \(target)"] }
        guard let mine = place(path), let other = place(target) else { return [] }
        let inside = Self.folder(path) == Self.folder(target) && folders.contains(Self.folder(path))
        return other < mine || inside ? [] : ["\(path) includes \(target), which is not below it"]
    }

    private func place(_ path: String) -> Int? {
        rank[Self.node(path)] ?? rank[Self.folder(path)]
    }

    private func circles(in files: [File]) -> [String] {
        var edges: [String: Set<String>] = [:]
        for file in files {
            let node = Self.node(file.path)
            edges[node, default: []].formUnion(file.includes.map(Self.node).filter { $0 != node })
        }
        var done: Set<String> = [], found: [String] = []
        func visit(_ node: String, _ path: [String]) {
            if let start = path.firstIndex(of: node) {
                found.append("circle: " + (path[start...] + [node]).joined(separator: " -> "))
                return
            }
            guard !done.contains(node) else { return }
            for next in edges[node, default: []].sorted() { visit(next, path + [node]) }
            done.insert(node)
        }
        for node in edges.keys.sorted() { visit(node, []) }
        return found
    }

    private static func folder(_ path: String) -> String {
        String(path.prefix { $0 != "/" })
    }

    private static func node(_ path: String) -> String {
        (path as NSString).deletingPathExtension
    }
}

extension KernelLayers {
    /// The C files under `folder` with what they include, the sources that are compiled once per
    /// instruction set among it. An include that no file answers to is a problem of its own.
    static func read(_ folder: URL) throws -> (files: [File], missing: [String]) {
        let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        let sources = (all?.compactMap { $0 as? URL } ?? [])
            .filter { ["c", "h", "inc"].contains($0.pathExtension) }
            .map { $0.standardizedFileURL }
        let base = folder.standardizedFileURL.path + "/"
        let paths = Set(sources.map { String($0.path.dropFirst(base.count)) })
        var files: [File] = [], missing: [String] = []
        for path in paths.sorted() {
            let text = try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
            var includes: [String] = []
            for match in text.matches(of: /(?m)^#\s*(?:include|define PTN_SOURCE)\s+"([^"]+)"/) {
                let name = String(match.1), here = (path as NSString).deletingLastPathComponent
                // PTN_SOURCE is written as seen from core/.
                let candidates = ["\(here)/\(name)", "include/\(name)", "core/\(name)"]
                    .map(normalized)
                if let found = candidates.first(where: paths.contains) {
                    includes.append(found)
                } else {
                    missing.append("\(path) includes \(name), which does not exist")
                }
            }
            files.append(File(path: path, includes: includes))
        }
        return (files, missing)
    }

    /// The path without `..`.
    private static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}
