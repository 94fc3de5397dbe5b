/// A colour of a picture.
public struct Color: Sendable, Equatable {
    /// From 0 to 255.
    public let red, green, blue: UInt8

    /// A colour from its parts, each from 0 to 255.
    public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// As in SVG, `#rrggbb`.
    public var hex: String {
        "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Text and axes.
    public static let ink = Color(34, 34, 34)
    /// Text that matters less.
    public static let faint = Color(110, 110, 110)
    /// Lines behind the data.
    public static let grid = Color(216, 216, 216)
    /// What was left out, such as a skipped block.
    public static let empty = Color(236, 236, 236)

    /// The colours of series in their order; they differ in lightness too, for readers who do not
    /// see all hues.
    public static let palette = [
        Color(31, 95, 168), Color(214, 112, 28), Color(38, 130, 96), Color(150, 45, 110),
        Color(122, 122, 34), Color(90, 170, 205), Color(168, 50, 62), Color(60, 60, 120),
    ]

    /// The colour of the series with this number, from 0.
    public static func series(_ index: Int) -> Color { palette[index % palette.count] }

    /// A colour between white (0) and this one (1).
    public func shade(_ amount: Double) -> Color {
        let share = amount.isNaN ? 0 : max(0, min(1, amount))
        func part(_ value: UInt8) -> UInt8 {
            UInt8((255 - share * (255 - Double(value))).rounded())
        }
        return Color(part(red), part(green), part(blue))
    }
}
