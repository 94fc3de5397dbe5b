import Foundation
import ProteanCatalogue

/// The sources of case lines: named files, the package's files, a small built-in set.
package struct ShapeLibrary {
    /// `Benchmarks/shapes` of the package, if it was found.
    package let folder: URL?
    private let parser: CaseParser

    /// A library over the folder found from the working directory and the executable.
    package init(parser: CaseParser = CaseParser(), folder: URL? = ShapeLibrary.findFolder()) {
        self.parser = parser
        self.folder = folder
    }

    /// `Benchmarks/shapes` in the working directory or a folder above it, else above the
    /// executable.
    package static func findFolder() -> URL? {
        let working = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        let executable = Bundle.main.executableURL?.resolvingSymlinksInPath()
        return findFolder(above: working) ?? executable.flatMap(findFolder(above:))
    }

    private static func findFolder(above start: URL) -> URL? {
        var place = start.standardizedFileURL
        for _ in 0..<32 {
            let shapes = place.appendingPathComponent("Benchmarks/shapes", isDirectory: true)
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: shapes.path, isDirectory: &isFolder),
                isFolder.boolValue
            {
                return shapes
            }
            if place.path == "/" { return nil }
            place.deleteLastPathComponent()
        }
        return nil
    }

    /// The cases of the named files. A name is a path, or a file of the folder with or without
    /// `.txt`, or `demo` or `layers`, which are built in.
    package func cases(named names: [String]) throws -> [BenchmarkCase] {
        try names.flatMap { name in
            if let file = file(named: name) { return try cases(in: file, shown: name) }
            if name == "demo" { return try builtIn() }
            if name == "layers" {
                return try parser.parse(text: Self.layers, file: "built-in layers")
            }
            throw CaseError(
                place: "--shapes", expected: "a readable file or one of \(knownNames())",
                found: "'\(name)'")
        }
    }

    /// Every file of the folder in order of name; the built-in set if there is no folder.
    package func allCases() throws -> [BenchmarkCase] {
        let files = files()
        guard !files.isEmpty else { return try builtIn() }
        return try files.flatMap { try cases(in: $0, shown: $0.lastPathComponent) }
    }

    private func files() -> [URL] {
        guard let folder,
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        else { return [] }
        return names.filter { $0.hasSuffix(".txt") }.sorted().map(folder.appendingPathComponent)
    }

    private func knownNames() -> String {
        let names = files().map { $0.deletingPathExtension().lastPathComponent }
        let builtIn = ["demo", "layers"].filter { !names.contains($0) }
        return (names + builtIn).joined(separator: ", ")
    }

    private func file(named name: String) -> URL? {
        let places =
            [URL(fileURLWithPath: name)]
            + (folder.map {
                [
                    $0.appendingPathComponent(name),
                    $0.appendingPathComponent(name + ".txt"),
                ]
            } ?? [])
        return places.first { place in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder)
                && !isFolder.boolValue
        }
    }

    private func cases(in file: URL, shown: String) throws -> [BenchmarkCase] {
        guard let data = try? Data(contentsOf: file), data.count <= 16 << 20,
            let text = String(data: data, encoding: .utf8)
        else {
            throw CaseError(
                place: shown, expected: "readable UTF-8 text of at most 16 MiB", found: "none")
        }
        return try parser.parse(text: text, file: shown)
    }

    private func builtIn() throws -> [BenchmarkCase] {
        try parser.parse(text: Self.demo, file: "built-in demo")
    }

    /// The standard case of every layer, named by the layer's type.
    package static var layers: String {
        LayerCatalogue.entries.map { entry in
            "\(entry.name) \(entry.benchmark.kernel) \(entry.benchmark.standard)"
        }.joined(separator: "\n")
    }

    /// The lines of `Benchmarks/shapes/demo.txt`, for an executable that was copied elsewhere.
    package static let demo = """
        # A quick look: one row for each of the main kernels, a few seconds in all.
        demo.conv3x3     conv2d              h=28 w=28 c=128 k=128 r=3
        demo.conv1x1     conv2d              h=28 w=28 c=128 k=256 r=1
        demo.depthwise   conv2d              h=56 w=56 c=144 k=144 r=3 groups=144
        demo.condconv    condconv2d          h=28 w=28 c=128 k=128 r=3 experts=4
        demo.dyrelu      dynamic_relu        h=56 w=56 c=96
        demo.se          squeeze_excitation  h=56 w=56 c=96

        """
}
