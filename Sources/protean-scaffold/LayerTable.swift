import Foundation
import ProteanCatalogue

/// The table of layers in README.md, written from the catalogue.
enum LayerTable {
    static let start = "<!-- Layers: written by `make catalogue` from Sources/ProteanCatalogue -->"
    static let end = "<!-- End of the layers -->"

    /// A page's text with the table between the two marks; refuses a text that lacks them.
    static func replaced(in text: String, entries: [LayerEntry]) throws -> String {
        let before = text.components(separatedBy: start)
        guard before.count == 2 else {
            throw ScaffoldError("expected one line '\(start)', found \(before.count - 1)")
        }
        let after = before[1].components(separatedBy: end)
        guard after.count == 2 else {
            throw ScaffoldError("expected one line '\(end)' behind the first mark")
        }
        return before[0] + start + "\n\n" + markdown(entries) + "\n" + end + after[1]
    }

    /// Both tables: dynamic layers, then the others. Layers of a family with the same line share a
    /// row.
    static func markdown(_ entries: [LayerEntry]) -> String {
        var dynamic = ["| Layer | What depends on the input | Paper |", "|---|---|---|"]
        var fixed = ["| Other layers | What they do | Paper |", "|---|---|---|"]
        for row in rows(entries) {
            switch row.summary {
            case .dynamic(let line): dynamic.append(text(row, line))
            case .fixed(let line): fixed.append(text(row, line))
            }
        }
        return dynamic.joined(separator: "\n") + "\n\n" + fixed.joined(separator: "\n") + "\n"
    }

    private struct Row {
        let family: LayerFamily
        let summary: LayerEntry.Summary
        var entries: [LayerEntry]
    }

    private static func rows(_ entries: [LayerEntry]) -> [Row] {
        var rows: [Row] = []
        for family in LayerFamily.allCases {
            for entry in entries where entry.family == family {
                if let at = rows.firstIndex(where: {
                    $0.family == family && $0.summary == entry.summary
                }) {
                    rows[at].entries.append(entry)
                } else {
                    rows.append(Row(family: family, summary: entry.summary, entries: [entry]))
                }
            }
        }
        return rows
    }

    private static func text(_ row: Row, _ line: String) -> String {
        var papers: [LayerEntry.Paper] = []
        for paper in row.entries.flatMap(\.papers) where !papers.contains(paper) {
            papers.append(paper)
        }
        let layers = row.entries.map { "[\($0.name)](\($0.page))" }.joined(separator: ", ")
        let links = papers.map { "[\($0.title)](\($0.address))" }.joined(separator: ", ")
        return "| \(layers) | \(line) | \(links) |"
    }
}
