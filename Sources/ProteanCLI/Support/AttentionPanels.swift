import Foundation
import Protean
import ProteanImage

/// Panels that show the gates of one attention layer: where they differ between pixels a heat map, and
/// where they differ between channels a bar for each.
struct AttentionPanels {
    private let height, width, channels: Int
    /// Means over channels, row by row, and means over pixels.
    private let pixelMeans, channelMeans: [Double]
    /// The gates' figures.
    private(set) var table: Table

    private static let gray = Canvas.Color(128, 128, 128)
    private static let white = Canvas.Color(255, 255, 255)
    private static let bar = Canvas.Color(40, 90, 200)
    private static let axis = Canvas.Color(0, 0, 0)

    /// The gates of one sample.
    init(_ entry: AttentionRecord.Entry, sample: Int) throws {
        guard !entry.gates.isShapeOnly else { throw ProteanError.noValues(layer: entry.path) }
        let shape = entry.gates.shape
        (height, width, channels) = (shape[1], shape[2], shape[3])
        let size = height * width * channels
        let values = entry.gates.elements[sample * size..<(sample + 1) * size].map(Double.init)
        table = Table([("", .left), ("smallest", .right), ("mean", .right), ("largest", .right)])
        guard size > 0 else {
            throw Failure("layer '\(entry.path)' has no gates: its map is empty")
        }
        let (pixels, channels) = (height * width, channels)
        pixelMeans = (0..<pixels).map { pixel in
            Self.mean(values[pixel * channels..<(pixel + 1) * channels])
        }
        channelMeans = (0..<channels).map { channel in
            Self.mean((0..<pixels).map { values[$0 * channels + channel] })
        }
        add(values, as: "gates")
        if pixels > 1, channels > 1 {
            add(pixelMeans, as: "mean of a pixel")
            add(channelMeans, as: "mean of a channel")
        }
    }

    private static func mean(_ values: some Collection<Double>) -> Double {
        values.reduce(0, +) / Double(max(values.count, 1))
    }

    private mutating func add(_ values: [Double], as name: String) {
        table.add(
            name, Text.fixed(values.min() ?? 0, 3), Text.fixed(Self.mean(values), 3),
            Text.fixed(values.max() ?? 0, 3))
    }

    /// Adds the panels; `image` is what the network saw.
    func add(to row: inout PanelRow, over image: Image?) {
        if pixelMeans.count > 1 { addHeat(to: &row, over: image) }
        if channelMeans.count > 1 || pixelMeans.count == 1 { addBars(to: &row) }
    }

    /// Blue for the smallest gate, by way of green to red for the largest, half transparent over the
    /// image in grey.
    private func addHeat(to row: inout PanelRow, over image: Image?) {
        let finite = pixelMeans.filter(\.isFinite)
        let low = finite.min() ?? 0, range = (finite.max() ?? 0) - low
        let colors = pixelMeans.map { mean -> Canvas.Color in
            guard mean.isFinite else { return Self.gray }
            return .init(
                hue: (1 - (range > 0 ? (mean - low) / range : 0.5)) * 2 / 3, saturation: 1)
        }
        let (height, width, rows, columns) = (height, width, row.rows, row.columns)
        let grey = image?.grey
        row.add { x, y in
            let heat = colors[y * height / rows * width + x * width / columns]
            guard let grey else { return heat }
            let at = y * grey.height / rows * grey.width + x * grey.width / columns
            return heat.blended(with: grey.pixels[at])
        }
    }

    /// A bar for every channel, from 0 up to its gate; the upper edge is 1, or the largest gate. Where
    /// there are more channels than columns, a column shows the mean of several.
    private func addBars(to row: inout PanelRow) {
        let values = channelMeans, finite = values.filter(\.isFinite)
        let low = min(0, finite.min() ?? 0), high = max(1, finite.max() ?? 1)
        let (rows, columns) = (row.rows, row.columns)
        func line(_ value: Double) -> Int {
            Int(((high - value) / (high - low) * Double(rows - 1)).rounded())
        }
        let zero = line(0), isWide = columns >= 3 * values.count
        let ends = (0..<columns).map { x -> ClosedRange<Int>? in
            let first = x * values.count / columns
            let end = max(first + 1, (x + 1) * values.count / columns)
            let mean = Self.mean(values[first..<end])
            let isGap = isWide && (x + 1) * values.count / columns > first
            guard mean.isFinite, !isGap else { return nil }
            return min(zero, line(mean))...max(zero, line(mean))
        }
        row.add { x, y in
            if y == zero { return Self.axis }
            return ends[x]?.contains(y) == true ? Self.bar : Self.white
        }
    }
}

extension Canvas.Color {
    /// Halfway between this colour and a grey.
    fileprivate func blended(with grey: UInt8) -> Canvas.Color {
        func half(_ part: UInt8) -> UInt8 { UInt8((Int(part) + Int(grey)) / 2) }
        return .init(half(red), half(green), half(blue))
    }
}
