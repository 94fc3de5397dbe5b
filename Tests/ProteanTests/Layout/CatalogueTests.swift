import Foundation
import ProteanCatalogue
import Testing

/// Every layer is in the catalogue, with a test, golden values, a benchmark and a page, all of them in
/// the folders of its family.
@Suite struct CatalogueTests {
    private static let entries = LayerCatalogue.entries

    // MARK: Sources

    /// A public layer or module that a file under Sources/Protean/Layers declares.
    private struct Declared: Hashable {
        let name: String
        let family: String
    }

    private static func isFile(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: LayoutTests.root.appendingPathComponent(path).path)
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: LayoutTests.root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func folders(in path: String) throws -> Set<String> {
        let folder = LayoutTests.root.appendingPathComponent(path)
        let content = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: [.isDirectoryKey])
        return Set(
            try content.filter {
                try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true
            }
            .map(\.lastPathComponent))
    }

    /// `Module` and every public protocol that refines it, such as `Layer` and `ActivationLayer`.
    private static func layerProtocols() throws -> Set<String> {
        let pattern = /public protocol (\w+)\s*:\s*([^{]+)\{/
        var parents: [String: [String]] = [:]
        for file in LayoutTests.files(in: ["Sources/Protean"], suffix: ".swift") {
            for match in try String(contentsOf: file, encoding: .utf8).matches(of: pattern) {
                parents[String(match.1)] = names(match.2)
            }
        }
        var found: Set = ["Module"]
        while let next = parents.first(where: { name, above in
            !found.contains(name) && !found.isDisjoint(with: above)
        }) {
            found.insert(next.key)
        }
        return found
    }

    /// The names of a list of protocols.
    private static func names(_ list: Substring) -> [String] {
        list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    /// Public types under Sources/Protean/Layers that conform to `Module` or what refines it.
    private static func declared() throws -> Set<Declared> {
        let type = /public (?:final class|struct) (\w+)(?:<[^>]*>)?\s*:\s*([^{]+)\{/
        let protocols = try layerProtocols()
        var found: Set<Declared> = []
        for file in LayoutTests.files(in: ["Sources/Protean/Layers"], suffix: ".swift") {
            let family = file.deletingLastPathComponent().lastPathComponent
            for match in try String(contentsOf: file, encoding: .utf8).matches(of: type)
            where !protocols.isDisjoint(with: names(match.2)) {
                found.insert(Declared(name: String(match.1), family: family))
            }
        }
        return found
    }

    // MARK: Completeness

    @Test func everyPublicLayerHasAnEntry() throws {
        let declared = try Self.declared()
        #expect(declared.count > 60, "too few were found: the search is broken")
        let parts = Self.entries.flatMap(\.parts)
        let known = Set(Self.entries.map(\.name) + parts)
        for layer in declared where !known.contains(layer.name) {
            Issue.record("\(layer.name) has no entry in Sources/ProteanCatalogue/\(layer.family)")
        }
    }

    @Test func everyEntryIsOfAPublicLayer() throws {
        let families = Dictionary(
            uniqueKeysWithValues: try Self.declared().map { ($0.name, $0.family) })
        for entry in Self.entries {
            #expect(
                families[entry.name] == entry.family.rawValue,
                "\(entry.name) should be declared in Layers/\(entry.family.rawValue)")
            for part in entry.parts {
                #expect(families[part] == entry.family.rawValue, "\(part), part of \(entry.name)")
                #expect(try Self.text(entry.page).contains(part), "\(entry.page) lacks \(part)")
            }
        }
    }

    @Test func everyLayerHasATestOfItsStem() throws {
        // Rows of the table of activations share a test; it names them all.
        let shared = "ActivationLayerTests"
        for entry in Self.entries {
            let isRow = entry.family == .activation && entry.test == shared
            #expect(isRow || entry.test == entry.name + "Tests", "\(entry.name): \(entry.test)")
            let path = "Tests/ProteanTests/\(entry.family.rawValue)/\(entry.test).swift"
            guard Self.isFile(path) else {
                Issue.record("\(entry.name) has no test \(path)")
                continue
            }
            let text = try Self.text(path)
            #expect(text.contains(entry.name), "\(path) does not name \(entry.name)")
            #expect(text.contains("@Test"), "\(path) tests nothing")
        }
    }

    @Test func everyLayerHasAPage() throws {
        for entry in Self.entries {
            #expect(Self.isFile(entry.page), "\(entry.page) is missing")
        }
        let pages = LayoutTests.files(in: ["Docs/Layers"], suffix: ".md").map {
            $0.deletingPathExtension().lastPathComponent
        }
        let documented = Self.entries.flatMap { [$0.name] + $0.parts }
        for page in Set(pages).subtracting(documented) {
            Issue.record("Docs/Layers/\(page).md is of no layer")
        }
    }

    @Test func everyLayerHasGoldenValues() throws {
        let stored = Set(
            LayoutTests.files(in: ["Tests/Golden/apply"], suffix: ".safetensors").map {
                $0.deletingPathExtension().lastPathComponent
            })
        #expect(stored.count > 100, "too few were found: the search is broken")
        var owners: [String: String] = [:]
        for entry in Self.entries {
            #expect(!entry.golden.isEmpty, "\(entry.name) has no golden case")
            for name in entry.golden {
                #expect(stored.contains(name), "\(entry.name): no golden file \(name)")
                let other = owners.updateValue(entry.name, forKey: name)
                #expect(other == nil, "\(name) is named by \(entry.name) and \(other ?? "")")
            }
        }
        for name in stored.subtracting(owners.keys).sorted() {
            Issue.record("no entry names the golden file \(name)")
        }
    }

    // MARK: Folders

    @Test func foldersBearTheNamesOfFamilies() throws {
        let families = Set(LayerFamily.allCases.map(\.rawValue))
        #expect(try Self.folders(in: "Sources/Protean/Layers") == families)
        #expect(try Self.folders(in: "Sources/ProteanCatalogue") == families)
        // Beside them: kernels of no family, and what all kernels stand on.
        let common: Set = ["bench", "core", "include", "tensor"]
        let kernels = try Self.folders(in: "Kernels").subtracting(common)
        #expect(kernels.subtracting(families.map { $0.lowercased() }).isEmpty, "\(kernels)")
        let benchmarks = try Self.folders(in: "Benchmarks/kernelbench-support/Kernels")
        #expect(benchmarks.subtracting(families.union(["Tensor"])).isEmpty, "\(benchmarks)")
    }

    /// A kernel that `kernelbench` has for a layer lies in the layer's family.
    @Test func benchmarksLieWithTheirFamily() throws {
        var folders: [String: String] = [:]
        let files = LayoutTests.files(
            in: ["Benchmarks/kernelbench-support/Kernels"], suffix: ".swift")
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /static let name = "(\w+)"/) {
                folders[String(match.1)] = file.deletingLastPathComponent().lastPathComponent
            }
        }
        for entry in Self.entries where entry.benchmark.generic == nil {
            #expect(
                folders[entry.benchmark.kernel] == entry.family.rawValue,
                "\(entry.name): \(entry.benchmark.kernel)")
        }
    }

    @Test func everyEntryHasAFileOfItsName() {
        for entry in Self.entries where entry.test == entry.name + "Tests" {
            let path = "Sources/ProteanCatalogue/\(entry.family.rawValue)/\(entry.name)Entry.swift"
            #expect(Self.isFile(path), "\(path) is missing")
        }
    }

    /// `protean-scaffold` marks what has to be completed.
    @Test func nothingIsLeftOfTheScaffold() throws {
        let folders = ["Sources/Protean", "Sources/ProteanCatalogue", "Kernels", "Docs", "Tests"]
        for suffix in [".swift", ".c", ".inc", ".h", ".md", ".py"] {
            for file in LayoutTests.files(in: folders, suffix: suffix) {
                let text = try String(contentsOf: file, encoding: .utf8)
                // Pages and tests about the command name the word.
                let isAbout = ["AddingALayer", "ScaffoldTests", "CatalogueTests"].contains(
                    file.deletingPathExtension().lastPathComponent)
                #expect(isAbout || !text.contains("SCAFFOLD"), "\(file.path)")
            }
        }
    }

    // MARK: The list

    @Test func entriesAreSortedAndUnique() {
        let names = Self.entries.map(\.name)
        #expect(names == names.sorted { $0.lowercased() < $1.lowercased() })
        #expect(Set(names.map { $0.lowercased() }).count == names.count)
    }

    /// No two keys of a layer claim the same option: an error would be reported for one of them only.
    @Test func aliasesAreUnambiguous() {
        for entry in Self.entries {
            let variants = entry.variants.isEmpty ? [[]] : entry.variants.map(\.keys)
            for keys in variants.map({ entry.keys + $0 }) {
                var owners: [String: String] = [:]
                for key in keys {
                    for alias in key.aliases {
                        let other = owners.updateValue(key.name, forKey: alias)
                        #expect(other == nil, "\(entry.name): \(alias) is \(key.name)'s too")
                    }
                }
                #expect(Set(keys.map(\.name)).count == keys.count, "\(entry.name): a key twice")
            }
        }
    }

    @Test func entriesSayWhatTheReadersNeed() {
        for entry in Self.entries {
            #expect(!entry.reference.isEmpty)
            switch entry.summary {
            case .dynamic(let line), .fixed(let line):
                #expect(!line.isEmpty && !line.contains("|") && !line.hasSuffix("."), "\(line)")
            }
            #expect(!entry.benchmark.kernel.isEmpty && !entry.benchmark.standard.isEmpty)
            for paper in entry.papers {
                #expect(paper.address.hasPrefix("https://"), "\(entry.name): \(paper.address)")
            }
        }
    }
}
