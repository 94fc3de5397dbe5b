/// Values over values: lines, stairs and points in one coordinate system, with a legend.
///
/// ```swift
/// var chart = Chart("accuracy", x: Axis("multiply-adds", format: .short), y: Axis("accuracy"))
/// chart.add(Chart.Series("anytime", points, style: .steps))
/// try chart.drawing.file(label: "accuracy over cost").write(toFile: "curve.svg", …)
/// ```
public struct Chart: Sendable, Equatable {
    /// How a series is drawn.
    public enum Style: Sendable {
        /// Points joined by straight lines.
        case line
        /// Each value holds until the next point, and the last one to the end of the axis.
        case steps
        /// Points only.
        case points
        /// Points joined by straight lines, both drawn.
        case lineAndPoints
    }

    /// Points of one name.
    public struct Series: Sendable, Equatable {
        /// The text in the legend.
        public let name: String
        /// The points in order; one that is not finite interrupts a line.
        public let points: [Point]
        /// How the points are drawn.
        public let style: Style
        /// The colour; nil for the next one of ``Color/palette``.
        public let color: Color?
        /// Whether lines are dashed.
        public let isDashed: Bool

        /// Points of one name.
        public init(
            _ name: String, _ points: [Point], style: Style = .line, color: Color? = nil,
            dashed: Bool = false
        ) {
            self.name = name
            self.points = points
            self.style = style
            self.color = color
            isDashed = dashed
        }
    }

    /// A horizontal line across the chart, such as a target.
    public struct Level: Sendable, Equatable {
        let value: Double
        let name: String
    }

    /// The text above the chart.
    public let title: String
    /// The horizontal axis.
    public let x: Axis
    /// The vertical axis.
    public let y: Axis
    /// Width and height of the area in which data is drawn.
    public let plotWidth, plotHeight: Double
    private var series: [Series] = []
    private var levels: [Level] = []

    /// A chart without data.
    public init(
        _ title: String, x: Axis, y: Axis, plotWidth: Double = 480, plotHeight: Double = 280
    ) {
        self.title = title
        self.x = x
        self.y = y
        self.plotWidth = plotWidth
        self.plotHeight = plotHeight
    }

    /// Adds a series.
    public mutating func add(_ series: Series) { self.series.append(series) }

    /// Adds a dashed horizontal line.
    public mutating func add(level value: Double, name: String) {
        levels.append(Level(value: value, name: name))
    }

    private static let left = 72.0, top = 36.0, bottom = 52.0

    /// The chart as a picture.
    public var drawing: Drawing {
        let points = series.flatMap(\.points)
        let x = self.x.fitted(to: points.map(\.x))
        let y = self.y.fitted(to: points.map(\.y) + levels.map(\.value))
        let names = series.map(\.name) + levels.map(\.name)
        let legend = Double(names.map(\.count).max() ?? 0) * 6.6 + 40
        var drawing = Drawing(
            width: Self.left + plotWidth + 16 + legend,
            height: Self.top + plotHeight + Self.bottom)
        drawing.text(title, at: Point(Self.left, 20), size: 14, bold: true)
        drawAxes(x, y, into: &drawing)
        for level in levels {
            let height = place(Point(0, level.value), x, y).y
            drawing.line(
                from: Point(Self.left, height), to: Point(Self.left + plotWidth, height),
                color: .faint, dashed: true)
        }
        for (index, one) in series.enumerated() {
            draw(one, color: one.color ?? .series(index), x, y, into: &drawing)
        }
        drawLegend(into: &drawing)
        return drawing
    }

    private func place(_ point: Point, _ x: Axis, _ y: Axis) -> Point {
        // What lies beyond a given range is drawn at its edge.
        let across = x.position(point.x), up = y.position(point.y)
        guard across.isFinite, up.isFinite else { return Point(.nan, .nan) }
        return Point(
            Self.left + plotWidth * max(0, min(1, across)),
            Self.top + plotHeight * (1 - max(0, min(1, up))))
    }

    private func drawAxes(_ x: Axis, _ y: Axis, into drawing: inout Drawing) {
        let right = Self.left + plotWidth, base = Self.top + plotHeight
        for tick in y.ticks {
            let height = Self.top + plotHeight * (1 - y.position(tick))
            drawing.line(from: Point(Self.left, height), to: Point(right, height))
            drawing.text(
                y.label(tick), at: Point(Self.left - 8, height + 4), anchor: .end, color: .faint)
        }
        for tick in x.ticks {
            let across = Self.left + plotWidth * x.position(tick)
            drawing.line(from: Point(across, base), to: Point(across, base + 5), color: .ink)
            drawing.text(
                x.label(tick), at: Point(across, base + 19), anchor: .middle, color: .faint)
        }
        drawing.line(from: Point(Self.left, base), to: Point(right, base), color: .ink)
        drawing.line(from: Point(Self.left, Self.top), to: Point(Self.left, base), color: .ink)
        drawing.text(
            x.title, at: Point(Self.left + plotWidth / 2, base + 40), anchor: .middle)
        drawing.text(
            y.title, at: Point(16, Self.top + plotHeight / 2), anchor: .middle, turned: true)
    }

    private func draw(
        _ series: Series, color: Color, _ x: Axis, _ y: Axis, into drawing: inout Drawing
    ) {
        let places = series.points.map { place($0, x, y) }
        switch series.style {
        case .line, .lineAndPoints:
            drawing.polyline(places, color: color, dashed: series.isDashed)
        case .steps:
            var corners: [Point] = []
            for (index, point) in places.enumerated() {
                let next = places.indices.contains(index + 1) ? places[index + 1].x : nil
                corners += [point, Point(next ?? Self.left + plotWidth, point.y)]
            }
            drawing.polyline(corners, color: color, dashed: series.isDashed)
        case .points: break
        }
        guard series.style != .line else { return }
        for (point, value) in zip(places, series.points) {
            drawing.circle(
                at: point, radius: 3.5, color: color,
                title: "\(series.name): \(x.label(value.x)), \(y.label(value.y))")
        }
    }

    private func drawLegend(into drawing: inout Drawing) {
        let left = Self.left + plotWidth + 16
        var height = Self.top + 12
        for (index, one) in series.enumerated() {
            let color = one.color ?? .series(index)
            if one.style == .points {
                drawing.circle(at: Point(left + 9, height - 4), radius: 3.5, color: color)
            } else {
                drawing.polyline(
                    [Point(left, height - 4), Point(left + 18, height - 4)], color: color,
                    dashed: one.isDashed)
            }
            drawing.text(one.name, at: Point(left + 24, height))
            height += 18
        }
        for level in levels {
            drawing.line(
                from: Point(left, height - 4), to: Point(left + 18, height - 4), color: .faint,
                dashed: true)
            drawing.text(level.name, at: Point(left + 24, height))
            height += 18
        }
    }
}
