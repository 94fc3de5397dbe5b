/// Bars side by side for each of some categories, such as samples per exit of two sets.
public struct BarChart: Sendable, Equatable {
    /// The text above the chart.
    public let title: String
    /// What the bars stand on.
    public let categories: [String]
    /// The vertical axis; it begins at 0 unless it has a range.
    public let y: Axis
    private var groups: [(name: String, values: [Double])] = []

    /// A chart without bars.
    public init(_ title: String, categories: [String], y: Axis) {
        self.title = title
        self.categories = categories
        self.y = y
    }

    /// Adds a bar to each category; missing values and those that are not finite draw none.
    public mutating func add(_ name: String, _ values: [Double]) {
        groups.append((name, Array(values.prefix(categories.count))))
    }

    /// Whether titles, categories, axes and bars are equal.
    public static func == (a: BarChart, b: BarChart) -> Bool {
        a.title == b.title && a.categories == b.categories && a.y == b.y
            && a.groups.elementsEqual(b.groups) { $0.name == $1.name && $0.values == $1.values }
    }

    private static let left = 72.0, top = 36.0, bottom = 40.0, plotHeight = 220.0

    /// The chart as a picture.
    public var drawing: Drawing {
        let y = self.y.fitted(to: groups.flatMap(\.values) + [0])
        let slot = max(28 + 26 * Double(groups.count), 60)
        let plotWidth = slot * Double(max(1, categories.count))
        let legend = Double(groups.map(\.name.count).max() ?? 0) * 6.6 + 40
        var drawing = Drawing(
            width: Self.left + plotWidth + 16 + legend,
            height: Self.top + Self.plotHeight + Self.bottom)
        drawing.text(title, at: Point(Self.left, 20), size: 14, bold: true)
        let base = Self.top + Self.plotHeight
        for tick in y.ticks {
            let height = base - Self.plotHeight * y.position(tick)
            drawing.line(from: Point(Self.left, height), to: Point(Self.left + plotWidth, height))
            drawing.text(
                y.label(tick), at: Point(Self.left - 8, height + 4), anchor: .end, color: .faint)
        }
        drawing.text(
            y.title, at: Point(16, Self.top + Self.plotHeight / 2), anchor: .middle, turned: true)
        for (index, category) in categories.enumerated() {
            let start = Self.left + slot * Double(index)
            drawing.text(category, at: Point(start + slot / 2, base + 18), anchor: .middle)
            drawBars(of: index, from: start + 14, width: (slot - 28), y, into: &drawing)
        }
        for (index, group) in groups.enumerated() {
            let place = Point(Self.left + plotWidth + 16, Self.top + 18 * Double(index))
            drawing.rectangle(at: place, width: 12, height: 12, color: .series(index))
            drawing.text(group.name, at: Point(place.x + 18, place.y + 10))
        }
        return drawing
    }

    private func drawBars(
        of category: Int, from start: Double, width: Double, _ y: Axis, into drawing: inout Drawing
    ) {
        let bar = width / Double(max(1, groups.count))
        let zero = max(0, min(1, y.position(0)))
        for (index, group) in groups.enumerated() where group.values.indices.contains(category) {
            let value = group.values[category]
            guard value.isFinite else { continue }
            let end = max(0, min(1, y.position(value)))
            let top = Self.top + Self.plotHeight * (1 - max(zero, end))
            drawing.rectangle(
                at: Point(start + bar * Double(index) + 1, top), width: bar - 2,
                height: Self.plotHeight * abs(end - zero), color: .series(index),
                title: "\(group.name), \(categories[category]): \(y.label(value))")
        }
    }
}
