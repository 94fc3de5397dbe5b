/// Cells in rows and columns, each in a colour of its value, such as which sample ran which block.
public struct CellChart: Sendable, Equatable {
    /// The colour of a cell and the text that explains it.
    public struct Kind: Sendable, Equatable {
        /// The text in the legend.
        public let name: String
        /// The colour of the cells.
        public let color: Color

        /// A kind of cell.
        public init(_ name: String, _ color: Color) {
            self.name = name
            self.color = color
        }
    }

    /// The text above the cells.
    public let title: String
    /// One name per column.
    public let columns: [String]
    /// One name per row.
    public let rows: [String]
    /// `cells[row][column]` is an index into ``kinds``; nil and what lies outside draw nothing.
    public let cells: [[Int?]]
    /// What the cells mean.
    public let kinds: [Kind]
    /// Side lengths of a cell in pixels.
    public let cellWidth, cellHeight: Double

    /// Cells with the names of their rows and columns.
    public init(
        _ title: String, rows: [String], columns: [String], cells: [[Int?]], kinds: [Kind],
        cellWidth: Double = 18, cellHeight: Double = 14
    ) {
        self.title = title
        self.rows = rows
        self.columns = columns
        self.cells = cells
        self.kinds = kinds
        self.cellWidth = cellWidth
        self.cellHeight = cellHeight
    }

    /// The cells as a picture.
    public var drawing: Drawing {
        let left = 16 + 6.6 * Double(rows.map(\.count).max() ?? 0)
        let head = 12 + 6.6 * Double(columns.map(\.count).max() ?? 0)
        let top = 28 + head
        let wide = cellWidth * Double(columns.count), high = cellHeight * Double(rows.count)
        let legend = Double(kinds.map(\.name.count).max() ?? 0) * 6.6 + 44
        let width = max(left + wide + 16 + legend, 16 + 8.2 * Double(title.count))
        var drawing = Drawing(
            width: width, height: max(top + high, top + 18 * Double(kinds.count)) + 12)
        drawing.text(title, at: Point(8, 20), size: 14, bold: true)
        for (index, name) in columns.enumerated() {
            let across = left + cellWidth * (Double(index) + 0.5) + 4
            drawing.text(name, at: Point(across, top - 6), size: 11, color: .faint, turned: true)
        }
        for (row, name) in rows.enumerated() {
            let height = top + cellHeight * Double(row)
            drawing.text(
                name, at: Point(left - 6, height + cellHeight / 2 + 4), anchor: .end, size: 11,
                color: .faint)
            guard cells.indices.contains(row) else { continue }
            for (column, cell) in cells[row].prefix(columns.count).enumerated() {
                guard let cell, kinds.indices.contains(cell) else { continue }
                drawing.rectangle(
                    at: Point(left + cellWidth * Double(column) + 0.5, height + 0.5),
                    width: cellWidth - 1, height: cellHeight - 1, color: kinds[cell].color)
            }
        }
        for (index, kind) in kinds.enumerated() {
            let place = Point(left + wide + 16, top + 18 * Double(index))
            drawing.rectangle(at: place, width: 12, height: 12, color: kind.color)
            drawing.text(kind.name, at: Point(place.x + 18, place.y + 10))
        }
        return drawing
    }
}
