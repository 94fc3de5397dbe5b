/// A picture of lines, rectangles, circles and text, written as SVG.
///
/// The same calls give the same bytes on every machine: numbers have at most two decimals, and no
/// time, name or random number enters. Texts are escaped, so that names from files cannot break the
/// picture or the page it is put into.
public struct Drawing: Sendable, Equatable {
    /// Where a text stands relative to its point.
    public enum Anchor: String, Sendable { case start, middle, end }

    /// Width in pixels.
    public let width: Double
    /// Height in pixels.
    public let height: Double
    private var elements: [String] = []

    /// An empty picture.
    public init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    /// Adds a straight line.
    public mutating func line(
        from a: Point, to b: Point, color: Color = .grid, width: Double = 1, dashed: Bool = false
    ) {
        guard a.isFinite, b.isFinite else { return }
        elements.append(
            "<line x1=\"\(Self.number(a.x))\" y1=\"\(Self.number(a.y))\" x2=\"\(Self.number(b.x))\" "
                + "y2=\"\(Self.number(b.y))\" stroke=\"\(color.hex)\" "
                + "stroke-width=\"\(Self.number(width))\"\(Self.dashes(dashed))/>")
    }

    /// Adds a line through points; fewer than two draw nothing, and a point that is not finite
    /// interrupts it.
    public mutating func polyline(
        _ points: [Point], color: Color, width: Double = 2, dashed: Bool = false
    ) {
        for part in points.split(whereSeparator: { !$0.isFinite }) where part.count > 1 {
            let list = part.map { "\(Self.number($0.x)),\(Self.number($0.y))" }
            elements.append(
                "<polyline points=\"\(list.joined(separator: " "))\" fill=\"none\" "
                    + "stroke=\"\(color.hex)\" stroke-width=\"\(Self.number(width))\""
                    + "\(Self.dashes(dashed))/>")
        }
    }

    /// Adds a filled rectangle; one without area or with a number that is not finite draws nothing.
    public mutating func rectangle(
        at corner: Point, width: Double, height: Double, color: Color, title: String? = nil
    ) {
        guard corner.isFinite, width.isFinite, height.isFinite, width > 0, height > 0 else {
            return
        }
        let start =
            "<rect x=\"\(Self.number(corner.x))\" y=\"\(Self.number(corner.y))\" "
            + "width=\"\(Self.number(width))\" height=\"\(Self.number(height))\" "
            + "fill=\"\(color.hex)\""
        elements.append(start + Self.end(of: "rect", title))
    }

    /// Adds a filled circle.
    public mutating func circle(
        at center: Point, radius: Double, color: Color, title: String? = nil
    ) {
        guard center.isFinite, radius.isFinite, radius > 0 else { return }
        let start =
            "<circle cx=\"\(Self.number(center.x))\" cy=\"\(Self.number(center.y))\" "
            + "r=\"\(Self.number(radius))\" fill=\"\(color.hex)\""
        elements.append(start + Self.end(of: "circle", title))
    }

    /// Adds a text of one line.
    ///
    /// - Parameters:
    ///   - text: any text; control characters are replaced.
    ///   - point: the text's anchor, on its base line.
    ///   - anchor: which end of the text stands at the point.
    ///   - size: the font's size in pixels.
    ///   - color: the text's colour.
    ///   - bold: whether the text is bold.
    ///   - turned: whether the text is turned by 90 degrees, to be read from below.
    public mutating func text(
        _ text: String, at point: Point, anchor: Anchor = .start, size: Double = 12,
        color: Color = .ink, bold: Bool = false, turned: Bool = false
    ) {
        guard point.isFinite else { return }
        let x = Self.number(point.x), y = Self.number(point.y)
        elements.append(
            "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor.rawValue)\" "
                + "font-size=\"\(Self.number(size))\" fill=\"\(color.hex)\""
                + (bold ? " font-weight=\"bold\"" : "")
                + (turned ? " transform=\"rotate(-90 \(x) \(y))\"" : "")
                + ">\(Self.escape(text))</text>")
    }

    /// Adds a whole picture with its upper left corner at a point.
    public mutating func add(_ other: Drawing, at corner: Point) {
        let place = "translate(\(Self.number(corner.x)) \(Self.number(corner.y)))"
        elements.append(
            "<g transform=\"\(place)\">\n\(other.elements.joined(separator: "\n"))\n</g>")
    }

    /// Pictures above each other.
    public static func stacked(_ drawings: [Drawing], gap: Double = 16) -> Drawing {
        let heights = drawings.map(\.height).reduce(0, +) + gap * Double(max(0, drawings.count - 1))
        var whole = Drawing(width: drawings.map(\.width).max() ?? 0, height: heights)
        var top = 0.0
        for drawing in drawings {
            whole.add(drawing, at: Point(0, top))
            top += drawing.height + gap
        }
        return whole
    }

    /// The picture as an element to put into a page, without a background.
    public func element(label: String) -> String {
        let (w, h) = (Self.number(width), Self.number(height))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(w)" height="\(h)" \
            viewBox="0 0 \(w) \(h)" role="img" aria-label="\(Self.escape(label))" \
            font-family="system-ui, Helvetica, Arial, sans-serif">
            \(elements.joined(separator: "\n"))
            </svg>
            """
    }

    /// The picture as a file: SVG 1.1 on a white ground.
    public func file(label: String) -> String {
        var whole = Drawing(width: width, height: height)
        whole.rectangle(
            at: Point(0, 0), width: width, height: height, color: Color(255, 255, 255))
        whole.elements += elements
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\(whole.element(label: label))\n"
    }

    private static func dashes(_ dashed: Bool) -> String {
        dashed ? " stroke-dasharray=\"5 4\"" : ""
    }

    /// The end of an element that may carry a text which browsers show beside the pointer.
    private static func end(of element: String, _ title: String?) -> String {
        title.map { "><title>\(escape($0))</title></\(element)>" } ?? "/>"
    }
}

// MARK: - Numbers and text

extension Drawing {
    /// A number with at most two decimals, without trailing zeros; limited to ±1e9, and 0 for what is
    /// not a number.
    static func number(_ value: Double) -> String {
        guard !value.isNaN else { return "0" }
        let hundredths = Int((max(-1e9, min(1e9, value)) * 100).rounded())
        let (whole, rest) = hundredths.magnitude.quotientAndRemainder(dividingBy: 100)
        var text = (hundredths < 0 ? "-" : "") + "\(whole)"
        guard rest > 0 else { return text }
        text += rest % 10 == 0 ? ".\(rest / 10)" : rest < 10 ? ".0\(rest)" : ".\(rest)"
        return text
    }

    /// Text for use between tags and in attributes: XML's five special characters are written as
    /// entities, and control characters, which XML 1.0 does not allow, as U+FFFD.
    public static func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}", "\u{FFFE}", "\u{FFFF}":
                result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// A place in a picture, from its upper left corner.
public struct Point: Sendable, Equatable {
    /// To the right.
    public var x: Double
    /// Downwards.
    public var y: Double

    /// A place.
    public init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }

    /// Whether both coordinates are numbers and not infinite.
    public var isFinite: Bool { x.isFinite && y.isFinite }
}
