/// A drawing of the curves of one shape: realised divided by theoretical saving, as a function of
/// density.
struct SparseChart {
    let curves: [SparseCurve]

    private static let colours = ["#2f6fb5", "#2e8b6f", "#b5652f", "#8b4fb5", "#a8323e", "#7a7a22"]
    private static let left = 48.0, top = 12.0, width = 480.0, height = 220.0
    /// The largest value that is drawn; higher ones are cut.
    private static let limit = 1.5

    var text: String {
        let title = curves.first?.title ?? ""
        let lines = curves.enumerated().map { line($1, Self.colours[$0 % Self.colours.count]) }
        let ticks = stride(from: 0.0, through: 1.0, by: 0.25)
        let across = ticks.map { value in
            """
            <text x="\(Self.x(value))" y="\(Self.top + Self.height + 16)" text-anchor="middle" \
            class="faint">\(Format.digits(value))</text>
            """
        }
        let up = [0, 0.5, 1, 1.5].map { value in
            """
            <line x1="\(Self.left)" x2="\(Self.left + Self.width)" y1="\(Self.y(value))" \
            y2="\(Self.y(value))"\(value == 1 ? " stroke-dasharray=\"4\"" : "")/>\
            <text x="\(Self.left - 6)" y="\(Self.y(value) + 4)" text-anchor="end" \
            class="faint">\(Format.digits(value))</text>
            """
        }
        let names = curves.enumerated().map { index, curve in
            """
            <text x="\(Self.left + Self.width + 16)" y="\(Self.top + 16 + 18 * Double(index))" \
            style="fill: \(Self.colours[index % Self.colours.count])">\
            \(HTMLReport.escape(curve.pattern))</text>
            """
        }
        return """
            <h3>\(HTMLReport.escape(title))</h3>
            <div class="scroll"><svg width="640" height="\(Int(Self.top + Self.height) + 24)" role="img" \
            aria-label="realised over theoretical saving against density">
            \((up + across + lines + names).joined(separator: "\n"))
            </svg></div>
            """
    }

    private func line(_ curve: SparseCurve, _ colour: String) -> String {
        let points = curve.points.map { "\(Self.x($0.density)),\(Self.y($0.realised))" }
        return """
            <polyline points="\(points.joined(separator: " "))" fill="none" stroke="\(colour)" \
            stroke-width="2"/>
            """
    }

    private static func x(_ density: Double) -> Double { left + width * density }

    private static func y(_ realised: Double) -> Double {
        top + height * (1 - min(max(realised, 0), limit) / limit)
    }
}
