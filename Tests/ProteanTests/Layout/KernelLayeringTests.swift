import Foundation
import Testing

/// Includes of the C sources point downwards in the order that Docs/Architecture.md declares.
@Suite struct KernelLayeringTests {
    private static let page = LayoutTests.root.appendingPathComponent("Docs/Architecture.md")

    private func declaration() throws -> String {
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let blocks = text.components(separatedBy: "```kernel-layers\n")
        try #require(blocks.count == 2, "Architecture.md declares the layers once")
        return try #require(blocks[1].components(separatedBy: "\n```").first)
    }

    @Test func includesPointDownwards() throws {
        let kernels = LayoutTests.root.appendingPathComponent("Kernels")
        let (files, missing) = try KernelLayers.read(kernels)
        #expect(missing == [])
        #expect(KernelLayers(declaration: try declaration()).problems(in: files) == [])
        // That the files were really read.
        #expect(files.count > 100)
        #expect(files.map(\.includes.count).reduce(0, +) > 300)
    }

    @Test func everyDeclaredNameExists() throws {
        let kernels = LayoutTests.root.appendingPathComponent("Kernels")
        let (files, _) = try KernelLayers.read(kernels)
        let stems = Set(files.map { ($0.path as NSString).deletingPathExtension })
        let folders = Set(files.map { String($0.path.prefix { $0 != "/" }) })
        for name in try declaration().split(whereSeparator: \.isWhitespace).map(String.init) {
            #expect(stems.contains(name) || folders.contains(name), "\(name) does not exist")
        }
    }

    // The checker itself, on a graph that is made up.

    private static let layers = KernelLayers(
        declaration: """
            core
            wood/plank wood/nail
            wood/board
            house
            """)

    private func problems(_ graph: [String: [String]]) -> [String] {
        let files = graph.keys.sorted().map { KernelLayers.File(path: $0, includes: graph[$0]!) }
        return Self.layers.problems(in: files)
    }

    @Test func downwardIncludesAreFine() {
        let graph = [
            "house/roof.c": ["house/roof.h", "house/wall.h", "wood/board.h", "include/house.h"],
            "house/wall.h": ["core/size.h"],
            "wood/board.c": ["wood/board.inc", "wood/plank.h", "wood/nail.h"],
            "wood/plank.h": ["core/size.h"],
            "include/house.h": ["include/size.h"],
        ]
        #expect(problems(graph) == [])
    }

    @Test func anUpwardIncludeIsFound() {
        #expect(
            problems(["core/size.h": ["wood/plank.h"]])
                == ["core/size.h includes wood/plank.h, which is not below it"])
        #expect(
            problems(["wood/plank.h": ["wood/board.h"]])
                == ["wood/plank.h includes wood/board.h, which is not below it"])
    }

    @Test func aSidewaysIncludeIsFound() {
        #expect(
            problems(["wood/nail.c": ["wood/plank.h"]])
                == ["wood/nail.c includes wood/plank.h, which is not below it"])
    }

    @Test func aCircleWithinAFolderIsFound() {
        let graph = ["house/roof.h": ["house/wall.h"], "house/wall.c": ["house/roof.h"]]
        #expect(problems(graph) == ["circle: house/roof -> house/wall -> house/roof"])
    }

    @Test func undeclaredFilesAndPrivateIncludesAreFound() {
        #expect(problems(["wood/glue.h": []]) == ["wood/glue.h has no layer"])
        #expect(
            problems(["include/house.h": ["house/wall.h"]])
                == ["include/house.h includes the private house/wall.h"])
    }
}
