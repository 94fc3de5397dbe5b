import Protean

/// A picture that is drawn on, in RGB. Positions are in pixels of the original image, and (0, 0) is
/// the centre of its upper left pixel; parts outside are not drawn.
public struct Canvas: Sendable {
    /// A colour.
    public struct Color: Sendable, Equatable {
        /// 0 to 255.
        public var red, green, blue: UInt8

        /// A colour of three parts.
        public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
            (self.red, self.green, self.blue) = (red, green, blue)
        }
    }

    /// Pixels of the picture per pixel of the original.
    public let scale: Int
    private let width, height: Int
    private var pixels: [UInt8]

    /// A picture of `image`, every pixel repeated `scale` times along both axes.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `scale` is below
    ///   1 or the picture has more than ``Image/maximumPixels`` pixels.
    public init(_ image: Image, scale: Int = 1) throws(ProteanError) {
        let most = Image.maximumPixels / (image.width * image.height)
        guard scale >= 1, scale <= most, scale * scale <= most else {
            throw .invalidOption(
                layer: "Canvas", option: "scale",
                expected: "at least 1, and at most \(Image.maximumPixels) pixels in all",
                found: "\(scale)")
        }
        self.scale = scale
        width = image.width * scale
        height = image.height * scale
        let source = image.rgb.pixels
        guard scale > 1 else {
            pixels = source
            return
        }
        pixels = []
        pixels.reserveCapacity(width * height * 3)
        for row in 0..<image.height {
            var line: [UInt8] = []
            line.reserveCapacity(width * 3)
            for column in 0..<image.width {
                let at = (row * image.width + column) * 3
                for _ in 0..<scale { line += source[at..<at + 3] }
            }
            for _ in 0..<scale { pixels += line }
        }
    }

    /// The picture.
    public var image: Image { Image(width, height, 3, pixels) }

    /// Draws a disc; `radius` is in pixels of the picture.
    public mutating func disc(x: Double, y: Double, radius: Double, _ color: Color) {
        let (cx, cy) = (place(x), place(y))
        paint(x: cx - radius, y: cy - radius, toX: cx + radius, toY: cy + radius, color) {
            (($0 - cx) * ($0 - cx) + ($1 - cy) * ($1 - cy)).squareRoot() - radius
        }
    }

    /// Draws a line with round ends; `thickness` is in pixels of the picture.
    public mutating func line(
        x: Double, y: Double, toX: Double, toY: Double, thickness: Double, _ color: Color
    ) {
        let (ax, ay, bx, by) = (place(x), place(y), place(toX), place(toY))
        let (dx, dy) = (bx - ax, by - ay)
        let square = dx * dx + dy * dy, radius = thickness / 2
        paint(
            x: min(ax, bx) - radius, y: min(ay, by) - radius, toX: max(ax, bx) + radius,
            toY: max(ay, by) + radius, color
        ) { px, py in
            let along = square > 0 ? ((px - ax) * dx + (py - ay) * dy) / square : 0
            let t = min(max(along, 0), 1)
            let (ex, ey) = (px - ax - t * dx, py - ay - t * dy)
            return (ex * ex + ey * ey).squareRoot() - radius
        }
    }

    /// A position of the original in pixels of the picture.
    private func place(_ position: Double) -> Double {
        (position + 0.5) * Double(scale) - 0.5
    }

    /// Blends `color` over the pixels of a box, as far as they lie within an edge whose distance is
    /// given (below 0: inside).
    private mutating func paint(
        x: Double, y: Double, toX: Double, toY: Double, _ color: Color,
        distance: (Double, Double) -> Double
    ) {
        guard [x, y, toX, toY].allSatisfy({ $0.isFinite }) else { return }
        let rows = Self.range(y, toY, height), columns = Self.range(x, toX, width)
        let parts = [Double(color.red), Double(color.green), Double(color.blue)]
        for row in rows {
            for column in columns {
                let cover = min(max(0.5 - distance(Double(column), Double(row)), 0), 1)
                guard cover > 0 else { continue }
                for (channel, part) in parts.enumerated() {
                    let at = (row * width + column) * 3 + channel
                    let blended = Double(pixels[at]) * (1 - cover) + part * cover
                    pixels[at] = UInt8(blended.rounded())
                }
            }
        }
    }

    /// Whole pixels from `low` to `high` that exist, with one to spare on either side.
    private static func range(_ low: Double, _ high: Double, _ size: Int) -> Range<Int> {
        let first = min(max(low.rounded(.down) - 1, 0), Double(size))
        let end = min(max(high.rounded(.up) + 2, first), Double(size))
        return Int(first)..<Int(end)
    }
}
