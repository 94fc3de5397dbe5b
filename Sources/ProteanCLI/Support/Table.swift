import CommandSupport
import Protean

/// Text in aligned columns; control characters are escaped.
struct Table {
    enum Alignment { case left, right }

    private let alignments: [Alignment]
    private var rows: [[String]]

    /// A table with a row of titles; an empty list of titles means none.
    init(_ columns: [(title: String, alignment: Alignment)]) {
        alignments = columns.map(\.alignment)
        rows = columns.allSatisfy(\.title.isEmpty) ? [] : [columns.map(\.title)]
    }

    mutating func add(_ cells: String...) { add(cells) }

    mutating func add(_ cells: [String]) { rows.append(cells.map(\.escaped)) }

    /// The lines, each starting with `indent`, without trailing spaces.
    func lines(indent: String = "") -> [String] {
        let widths = alignments.indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        return rows.map { row in
            var line = indent
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { line += "  " }
                line += alignments[column] == .left ? cell + padding : padding + cell
            }
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    func print(indent: String = "") throws {
        try Standard.print(lines(indent: indent).joined(separator: "\n"))
    }
}
