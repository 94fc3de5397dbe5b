import ProteanCharts

/// A drawing of the curves of one shape: realised divided by theoretical saving, as a function of
/// density.
struct SparseChart {
    let curves: [SparseCurve]

    /// The largest value that is drawn; higher ones are cut.
    private static let limit = 1.5

    var text: String {
        var chart = Chart(
            curves.first?.title ?? "", x: Axis("density", range: 0...1),
            y: Axis("realised over theoretical", range: 0...Self.limit), plotHeight: 220)
        for curve in curves {
            chart.add(
                Chart.Series(curve.pattern, curve.points.map { Point($0.density, $0.realised) }))
        }
        chart.add(level: 1, name: "theory")
        let label = "realised over theoretical saving against density"
        return "<div class=\"scroll\">\(chart.drawing.element(label: label))</div>"
    }
}
