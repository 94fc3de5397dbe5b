import Protean
import ProteanImage

/// Pictures of equal size side by side.
struct PanelRow {
    /// The colour of a panel's pixel.
    typealias Panel = (_ x: Int, _ y: Int) -> Canvas.Color

    /// Pixels of a panel per axis.
    let rows, columns: Int
    private var panels: [Panel] = []

    /// Pixels between two panels.
    private static let gap = 8
    private static let background = Canvas.Color(255, 255, 255)

    /// Panels for maps of `height` × `width`, enlarged to about 300 pixels; with an image panels have
    /// its shape, and it is the first of them.
    init(height: Int, width: Int, beside image: Image?) {
        let wanted = (image?.height ?? height, image?.width ?? width)
        let scale = max(1, 300 / max(wanted.0, wanted.1, 1))
        (rows, columns) = (wanted.0 * scale, wanted.1 * scale)
        guard let image else { return }
        add(width: image.width, height: image.height) { x, y in
            let at = (y * image.width + x) * image.channels
            let pixels = image.pixels
            return image.channels == 1
                ? .init(pixels[at], pixels[at], pixels[at])
                : .init(pixels[at], pixels[at + 1], pixels[at + 2])
        }
    }

    /// Adds a panel whose pixels are given one by one.
    mutating func add(_ panel: @escaping Panel) { panels.append(panel) }

    /// Adds a panel of `width` × `height` pixels, enlarged to the panels' size.
    mutating func add(width: Int, height: Int, _ color: @escaping Panel) {
        let (rows, columns) = (rows, columns)
        add { x, y in color(x * width / columns, y * height / rows) }
    }

    /// All panels.
    func image() throws -> Image {
        let whole = panels.count * columns + max(panels.count - 1, 0) * Self.gap
        var pixels: [UInt8] = []
        pixels.reserveCapacity(whole * rows * 3)
        for y in 0..<rows {
            for (index, panel) in panels.enumerated() {
                if index > 0 {
                    for _ in 0..<Self.gap { pixels += Self.background.parts }
                }
                for x in 0..<columns { pixels += panel(x, y).parts }
            }
        }
        return try Image(width: whole, height: rows, channels: 3, pixels: pixels)
    }
}

extension Canvas.Color {
    /// Red, green, blue.
    fileprivate var parts: [UInt8] { [red, green, blue] }

    /// The brightest colour of a hue; hue and saturation from 0 to 1.
    init(hue: Double, saturation: Double) {
        func part(_ offset: Double) -> UInt8 {
            let position = (hue * 6 + offset).truncatingRemainder(dividingBy: 6)
            let share = min(max(min(position, 4 - position), 0), 1)
            return UInt8(clamping: Int((255 * (1 - saturation * share)).rounded()))
        }
        self.init(part(5), part(3), part(1))
    }
}
