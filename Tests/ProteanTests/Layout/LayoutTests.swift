import Foundation
import Testing

/// The naming law: what belongs together is found by the same stem, and pages do not point nowhere.
@Suite struct LayoutTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func files(in folders: [String], suffix: String) -> [URL] {
        folders.flatMap { folder in
            let start = root.appendingPathComponent(folder)
            let all = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
            return (all?.compactMap { $0 as? URL } ?? []).filter { $0.path.hasSuffix(suffix) }
        }
    }

    @Test func linksInPagesLeadSomewhere() throws {
        var pages = Self.files(in: ["Docs"], suffix: ".md")
        pages += ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map {
            Self.root.appendingPathComponent($0)
        }
        var links = 0
        for page in pages {
            let text = try String(contentsOf: page, encoding: .utf8)
            for match in Self.prose(text).matches(of: /\]\(([^)#:]+)(#[^)]*)?\)/) {
                let target = page.deletingLastPathComponent()
                    .appendingPathComponent(String(match.1)).standardizedFileURL
                let exists = FileManager.default.fileExists(atPath: target.path)
                #expect(exists, "\(page.lastPathComponent) links to \(match.1)")
                links += 1
            }
        }
        #expect(links > 100)
    }

    /// The text without blocks of code, where brackets are no links.
    private static func prose(_ text: String) -> String {
        text.components(separatedBy: "\n```").enumerated()
            .filter { $0.offset % 2 == 0 }.map(\.element).joined(separator: "\n")
    }

    @Test func sourcesStayShort() throws {
        let suffixes = [".swift", ".c", ".h", ".inc"]
        let folders = ["Sources", "Kernels", "Benchmarks", "Tests"]
        for suffix in suffixes {
            for file in Self.files(in: folders, suffix: suffix) {
                let lines = try String(contentsOf: file, encoding: .utf8)
                    .split(separator: "\n", omittingEmptySubsequences: false).count
                #expect(lines <= 600, "\(file.lastPathComponent) has \(lines) lines")
            }
        }
    }
}
