import Foundation
import Testing

/// Names in the C sources follow Docs/KernelNames.md.
@Suite struct KernelNamesTests {
    private static func sources(_ suffixes: [String]) throws -> [(path: String, text: String)] {
        try suffixes.flatMap { suffix in
            try LayoutTests.files(in: ["Kernels"], suffix: suffix).map { file in
                let text = try String(contentsOf: file, encoding: .utf8)
                return (file.path, text.replacing(/\/\/.*/, with: ""))
            }
        }
    }

    /// The vocabulary of .inc files has no prefix.
    private static let exempt = ["simd_ops.h", "vmath.h", "simd_undef.h"]

    /// The cells of the table rows below a heading.
    private static func table(_ heading: String) throws -> [[String]] {
        let page = LayoutTests.root.appendingPathComponent("Docs/KernelNames.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let section = try #require(text.components(separatedBy: "## \(heading)\n").last)
        let lines = section.components(separatedBy: "\n## ")[0].split(separator: "\n")
        return lines.filter { $0.hasPrefix("| `") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    private static func quoted(_ cell: String) -> [String] {
        cell.matches(of: /`([^`]+)`/).map { String($0.1) }
    }

    /// Names that a header declares at its top level but for the prefix.
    static func unprefixed(header text: String) -> [String] {
        var names: [Substring] = []
        names += text.matches(of: /(?m)^#define\s+(\w+)/).map(\.1)
        names += text.matches(of: /(?m)^\}\s*(\w+);/).map(\.1)
        for body in text.matches(of: /(?m)^(?:typedef )?enum\s*\w*\s*\{([^}]*)\}/).map(\.1) {
            names += body.split(separator: ",").compactMap { $0.firstMatch(of: /\s*(\w+)/)?.1 }
        }
        names += text.matches(of: /(?m)^(?:static inline )?[a-z][\w *]*?\b(\w+)\(/).map(\.1)
            .filter { !["attribute", "__attribute__", "typedef"].contains($0) }
        return names.filter { !$0.hasPrefix("ptn_") && !$0.hasPrefix("PTN_") }.map(String.init)
    }

    /// Functions that a source file exports but for the prefix.
    static func unprefixed(source text: String) -> [String] {
        let definition = /(?m)^(?!static|typedef|#)[a-z][\w *]*?\b(\w+)\([^;{}]*\)\s*\{/
        return text.matches(of: definition).map { String($0.1) }
            .filter { !$0.hasPrefix("ptn_") }
    }

    @Test func whatHeadersDeclareHasThePrefix() throws {
        var count = 0
        for (path, text) in try Self.sources([".h"])
        where !Self.exempt.contains(where: path.hasSuffix) {
            #expect(Self.unprefixed(header: text) == [], "\(path)")
            count += 1
        }
        #expect(count > 60)
    }

    @Test func whatSourcesExportHasThePrefix() throws {
        let all = try Self.sources([".c"])
        for (path, text) in all { #expect(Self.unprefixed(source: text) == [], "\(path)") }
        #expect(all.count > 60)
    }

    @Test func oneWordForOneThing() throws {
        let rows = try Self.table("One word for one thing")
        let banned = rows.flatMap { $0.count > 2 ? Self.quoted($0[2]) : [] }
        #expect(banned.contains("mdw") && banned.contains("wino"))
        for (path, text) in try Self.sources([".c", ".h", ".inc"]) {
            for word in banned {
                let found = Self.uses(of: word, in: text)
                #expect(found == [], "\(path): the page has another word for \(word)")
            }
        }
    }

    /// Identifiers that contain `word` between underscores or at an end.
    static func uses(of word: String, in text: String) -> [String] {
        let names = Set(text.matches(of: /[A-Za-z_]\w*/).map { $0.0.lowercased() })
        return names.filter { "_\($0)_".contains("_\(word)_") }.sorted()
    }

    @Test func wordsForAlternativesHaveOneMeaningEach() throws {
        let rows = try Self.table("Words for a choice among several")
        var listed: [String: String] = [:]
        for row in rows {
            for type in Self.quoted(row[2]) { listed[type] = Self.quoted(row[0])[0] }
        }
        let words = Set(listed.values)
        #expect(words.isSuperset(of: ["algorithm", "choice", "form", "way", "kind"]))
        var declared: Set<String> = []
        for (path, text) in try Self.sources([".c", ".h"]) {
            for name in text.matches(of: /typedef (?:enum|struct) (ptn_\w+)/).map({ String($0.1) })
            {
                guard let word = name.split(separator: "_").last, words.contains(String(word))
                else { continue }
                #expect(listed[name] == String(word), "\(path): \(name) is not on the page")
                declared.insert(name)
            }
        }
        #expect(Set(listed.keys).subtracting(declared) == [], "types that do not exist")
    }

    @Test func theCheckerFindsOffenders() {
        let header = """
            #define BAD 1
            typedef struct ptn_good {
                int x;
            } bad_type;
            enum { PTN_GOOD, BAD_ONE = 2 };
            int bad_function(int x);
            static inline int ptn_good(void) { return 1; }
            """
        #expect(
            Self.unprefixed(header: header) == ["BAD", "bad_type", "BAD_ONE", "bad_function"])
        let source = """
            static int fine(void) { return 1; }
            int ptn_fine(void) { return 1; }
            int bad(int x,
                    int y) {
                if (x) return y;
            }
            """
        #expect(Self.unprefixed(source: source) == ["bad"])
        #expect(Self.uses(of: "mdw", in: "ptn_mdw_tile admdw") == ["ptn_mdw_tile"])
        #expect(Self.uses(of: "dw", in: "window(dw_any)") == ["dw_any"])
    }
}
