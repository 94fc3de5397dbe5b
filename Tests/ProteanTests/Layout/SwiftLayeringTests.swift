import Foundation
import Testing

/// Folders of the library lie one above the other: none names a type of a folder above it.
@Suite struct SwiftLayeringTests {
    /// From the lowest. `Checkpoints` and `Sparse` know nothing of each other.
    static let order = [
        "Runtime", "Tensor", "Checkpoints", "Sparse", "Module", "Convolution", "Operations",
        "Conditional", "Layers", "Models",
    ]

    private static func file(_ folder: String, _ text: String) -> SwiftLayering.File {
        SwiftLayering.File(folder: folder, name: "Made.swift", text: text)
    }

    @Test func noFolderNamesTypesOfFoldersAboveIt() throws {
        let root = LayoutTests.root.appendingPathComponent("Sources/Protean")
        var files: [SwiftLayering.File] = []
        for url in LayoutTests.files(in: ["Sources/Protean"], suffix: ".swift") {
            let path = url.path.dropFirst(root.path.count + 1).split(separator: "/")
            let folder = try #require(path.first.map(String.init))
            // What the compiler generates and documentation's snippets are no folders of the library.
            guard path.count > 1 else { continue }
            files.append(
                SwiftLayering.File(
                    folder: folder, name: path.dropFirst().joined(separator: "/"),
                    text: try String(contentsOf: url, encoding: .utf8)))
        }
        let violations = SwiftLayering(order: Self.order).violations(in: files)
        #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
        // The rule is about something: all folders are there, and the upper ones use the lower ones.
        #expect(Set(files.map(\.folder)) == Set(Self.order))
        let upsideDown = SwiftLayering(order: Self.order.reversed()).violations(in: files)
        #expect(upsideDown.count > 300)
    }

    @Test func namesOfUpperFoldersAreFound() {
        let layering = SwiftLayering(order: ["Low", "High"])
        let high = Self.file("High", "public final class Tower: Layer { struct Room {} }")
        let cases: [(String, Bool)] = [
            ("func f(_ x: Tower) {}", true),
            ("let x = [Tower?]()", true),
            ("extension Tower { var y: Int { 1 } }", true),
            (#"let text = "as high as \(Tower.height)""#, true),
            (##"let text = #"as high as \#(Tower.height)"#"##, true),
            (#"let text = "\("a\(Tower.height)")""#, true),
            ("let text = \"\"\"\n Tower \"quoted\" \\(Tower.height)\n\"\"\"", true),
            ("let division = a / b / Tower.height // and so on", true),
            ("let a = 1 /* one */ + Tower.height", true),
            ("// Tower\nlet x = 1", false),
            ("/// See ``Tower``.\nlet x = 1", false),
            ("/* a /* nested */ Tower */ let x = 1", false),
            (#"let text = "Tower""#, false),
            (#"let text = "a \" Tower""#, false),
            (##"let text = #"a " Tower \(Tower)"#"##, false),
            ("let text = \"\"\"\n Tower\n\"\"\"", false),
            ("let x = TowerTop.height + tower", false),
            // A nested type of the upper folder is not known by its name alone.
            ("let x = Room()", false),
            // A type of its own of that name hides the upper one.
            ("enum Own { struct Tower {} }\nlet x: Own.Tower", false),
        ]
        for (text, isWrong) in cases {
            let found = layering.violations(in: [Self.file("Low", text), high])
            #expect(found == (isWrong ? ["Low/Made.swift names High's Tower"] : []), "\(text)")
        }
        #expect(
            layering.violations(in: [
                Self.file("High", "let x = Base()"),
                Self.file("Low", "struct Base {}"),
            ]).isEmpty)
    }

    @Test func foldersWithoutAPlaceAreFound() {
        let layering = SwiftLayering(order: ["Low"])
        #expect(layering.violations(in: [Self.file("Other", "")]) == ["Other is in no order"])
    }
}
