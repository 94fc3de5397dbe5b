import ArgumentParser
import Foundation
import ProteanCatalogue
import Testing

@testable import protean_scaffold

/// `protean-scaffold` in a folder that has only what it adds lines to.
@Suite struct ScaffoldTests {
    private static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private let folder: TemporaryFolder
    private let root: Repository

    init() throws {
        folder = try TemporaryFolder()
        for path in [LayerFiles.catalogue, "Tests/Golden/generate/apply_containers.py"] {
            let target = URL(fileURLWithPath: folder.path(path))
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                at: Self.repository.appendingPathComponent(path), to: target)
        }
        root = try Repository(folder.path("."))
    }

    private func scaffold(_ arguments: String...) throws {
        let command = try ProteanScaffold.parseAsRoot(arguments + ["--root", folder.path(".")])
        let layer = try #require(command as? LayerCommand)
        try layer.run()
    }

    /// Paths of all files with their texts.
    private func contents() throws -> [String: String] {
        let start = folder.url
        let all = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
        var found: [String: String] = [:]
        for file in all?.compactMap({ $0 as? URL }) ?? [] {
            guard let data = FileManager.default.contents(atPath: file.path) else { continue }
            let path = file.standardizedFileURL.path
            found[String(path.dropFirst(start.standardizedFileURL.path.count + 1))] =
                String(decoding: data, as: UTF8.self)
        }
        return found
    }

    @Test func makesTheFilesOfALayer() throws {
        let before = try contents()
        try scaffold("QuietGate", "--family", "Attention")
        let after = try contents()
        #expect(
            Set(after.keys).subtracting(before.keys) == [
                "Sources/Protean/Layers/Attention/QuietGate.swift",
                "Sources/ProteanCatalogue/Attention/QuietGateEntry.swift",
                "Tests/ProteanTests/Attention/QuietGateTests.swift",
                "Docs/Layers/QuietGate.md",
                "Tests/Golden/generate/apply_attention.py",
            ])
        #expect(before.filter { after[$0.key] != $0.value }.map(\.key) == [LayerFiles.catalogue])
        let layer = try #require(after["Sources/Protean/Layers/Attention/QuietGate.swift"])
        #expect(layer.contains("public struct QuietGate: Layer {"))
        let entry = try #require(after["Sources/ProteanCatalogue/Attention/QuietGateEntry.swift"])
        #expect(
            entry.contains(
                "static let quietGate = LayerEntry(\n        \"QuietGate\", family: .attention"))
        #expect(entry.contains("golden: [\"quiet_gate\"]"))
        let generator = try #require(after["Tests/Golden/generate/apply_attention.py"])
        #expect(generator.contains("@layer\ndef quiet_gate():\n"))
        #expect(generator.contains("raise NotImplementedError"))
        // Every file but the list says what is left to do.
        for (path, text) in after where before[path] == nil {
            #expect(text.contains("SCAFFOLD"), "\(path)")
            #expect(!text.contains("\t") && text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
        }
    }

    @Test func theListStaysSorted() throws {
        for layer in ["AAA", "QuietGate", "ZZZ"] { try scaffold(layer, "--family", "Shape") }
        let lines = try root.text(LayerFiles.catalogue).split(separator: "\n")
            .filter { $0.hasPrefix("        .") }.map { $0.lowercased() }
        #expect(lines.count == LayerCatalogue.entries.count + 3)
        #expect(lines == lines.sorted())
        #expect(lines.first == "        .aaa," && lines.last == "        .zzz,")
    }

    @Test func aKernelComesWithItsOperation() throws {
        try scaffold("RMSThing", "--family", "Normalization", "--kernel")
        let files = try contents()
        let source = try #require(files["Kernels/normalization/rms_thing.c"])
        #expect(source.contains("#define PTN_SOURCE \"../normalization/rms_thing.inc\""))
        #expect(
            files["Kernels/normalization/rms_thing.inc"]?.contains("PTN_NAME(rms_thing_row)")
                == true)
        #expect(
            files["Kernels/include/ptn_rms_thing.h"]?.contains("#ifndef PTN_RMS_THING_H") == true)
        let operation = try #require(files["Sources/Protean/Operations/Operations+RMSThing.swift"])
        #expect(operation.contains("public static func rmsThing(_ x: Tensor)"))
        let layer = try #require(files["Sources/Protean/Layers/Normalization/RMSThing.swift"])
        #expect(layer.contains("try Operations.rmsThing(x)"))
    }

    @Test func aFamilysGeneratorGetsOneMoreFunction() throws {
        let path = "Tests/Golden/generate/apply_containers.py"
        let before = try root.text(path)
        try scaffold("Several", "--family", "Containers", "--stem", "several_ones")
        let after = try root.text(path)
        let parts = before.components(separatedBy: "if __name__")
        #expect(after.hasPrefix(parts[0] + "@layer\ndef several_ones():\n"))
        #expect(after.hasSuffix("\n\n\nif __name__" + parts[1]))
    }

    /// Nothing is replaced, and a refusal writes nothing.
    @Test(arguments: [
        "Sources/Protean/Layers/Shape/QuietGate.swift",
        "Sources/ProteanCatalogue/Shape/QuietGateEntry.swift",
        "Tests/ProteanTests/Shape/QuietGateTests.swift", "Docs/Layers/QuietGate.md",
        "Kernels/shape/quiet_gate.c",
    ])
    func nothingIsReplaced(path: String) throws {
        try root.write("mine", to: path)
        let before = try contents()
        let error = #expect(throws: ScaffoldError.self) {
            try scaffold("QuietGate", "--family", "Shape", "--kernel")
        }
        #expect(error?.description == "\(path) exists; nothing was written")
        #expect(try contents() == before)
    }

    @Test func aSecondTimeIsRefused() throws {
        try scaffold("QuietGate", "--family", "Shape")
        let before = try contents()
        #expect(throws: ScaffoldError.self) { try scaffold("QuietGate", "--family", "Shape") }
        #expect(try contents() == before)
    }

    @Test(arguments: ["quietGate", "Quiet Gate", "../Quiet", "", "Quiet-Gate", "Äther"])
    func otherNamesAreRefused(name: String) throws {
        let before = try contents()
        #expect(throws: ScaffoldError.self) {
            _ = try LayerNames(name, family: .shape)
        }
        #expect(throws: ScaffoldError.self) {
            _ = try LayerNames("Quiet", family: .shape, stem: name.isEmpty ? "_" : name)
        }
        #expect(try contents() == before)
    }

    @Test(arguments: [
        ("SimAM", "sim_am", "simAM"), ("RMSNorm", "rms_norm", "rmsNorm"), ("GELU", "gelu", "gelu"),
        ("Conv2d", "conv2d", "conv2d"), ("BatchNorm1d", "batch_norm1d", "batchNorm1d"),
        ("MultiheadAttention", "multihead_attention", "multiheadAttention"),
    ])
    func namesFollowTheType(type: String, stem: String, member: String) throws {
        let names = try LayerNames(type, family: .shape)
        #expect(names.stem == stem)
        #expect(names.member == member)
    }

    @Test func otherFoldersAreRefused() {
        #expect(throws: ScaffoldError.self) { _ = try Repository(folder.path("nowhere")) }
    }
}

/// The table in README.md is what the catalogue says.
@Suite struct LayerTableTests {
    private let readme = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("README.md")

    @Test func theCommittedTableIsUpToDate() throws {
        let text = try String(contentsOf: readme, encoding: .utf8)
        let replaced = try LayerTable.replaced(in: text, entries: LayerCatalogue.entries)
        #expect(replaced == text, "run `make catalogue`")
    }

    @Test func everyLayerIsInTheTableOnce() {
        let table = LayerTable.markdown(LayerCatalogue.entries)
        for entry in LayerCatalogue.entries {
            let links = table.components(separatedBy: "[\(entry.name)](\(entry.page))").count - 1
            #expect(links == 1, "\(entry.name)")
        }
    }

    @Test func textsWithoutMarksAreRefused() {
        for text in ["", LayerTable.start, LayerTable.end + LayerTable.start] {
            #expect(throws: ScaffoldError.self) {
                _ = try LayerTable.replaced(in: text, entries: [])
            }
        }
    }
}
