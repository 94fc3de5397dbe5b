import Foundation
import ProteanCatalogue
import Testing

@testable import KernelbenchSupport

@Suite("Shape files")
struct ShapeFileTests {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Benchmarks/shapes")

    let library = ShapeLibrary(folder: Self.folder)

    @Test func everyCommittedCaseIsPossible() throws {
        let cases = try library.allCases()
        #expect(cases.count >= 100)
        try CaseParser.checkUnique(cases)
        for one in cases {
            let prepared = try KernelRegistry.standard.prepare(one)
            #expect(prepared.bytes > 0, "\(one.name)")
        }
    }

    @Test func builtInDemoIsTheCommittedOne() throws {
        let file = Self.folder.appendingPathComponent("demo.txt")
        #expect(try String(contentsOf: file, encoding: .utf8) == ShapeLibrary.demo)
    }

    @Test func withoutAFolderTheDemoRemains() throws {
        let alone = ShapeLibrary(folder: nil)
        #expect(try alone.allCases().count == 6)
        #expect(try alone.cases(named: ["demo"]).count == 6)
        #expect(throws: CaseError.self) { try alone.cases(named: ["resnet50"]) }
    }

    /// A standard case of each, also where there is no folder.
    @Test func layersAreBuiltIn() throws {
        let cases = try ShapeLibrary(folder: nil).cases(named: ["layers"])
        #expect(cases.map(\.name) == LayerCatalogue.entries.map(\.name))
        try CaseParser.checkUnique(cases)
    }

    @Test func namesNeedNoSuffix() throws {
        let cases = try library.cases(named: ["dense3x3", "demo.txt"])
        #expect(cases.count == 18)
        #expect(cases[0].place == "dense3x3:2")
    }
}
