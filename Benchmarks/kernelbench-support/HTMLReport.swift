import Foundation
import Protean
import ProteanCharts

/// Results as one self-contained HTML file: a bar chart and a table.
package enum HTMLReport {
    /// The file's text; `curves`, if given, replace those computed from the results.
    package static func text(
        results: [BenchmarkResult], rooflines: [Roofline], curves: [SparseCurve]? = nil
    ) -> String {
        let machine = TableReport.machine(rooflines).split(separator: "\n")
            .map { escape(String($0)) }.joined(separator: "<br>")
        let date = ISO8601DateFormatter().string(from: Date())
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>kernelbench</title>
            <style>
            \(style)
            </style>
            </head>
            <body>
            <h1>kernelbench</h1>
            <p>\(machine)<br>\(escape(date)), \(JSONReport.buildType) build</p>
            <h2>Share of the roofline</h2>
            <p>The time that this machine's measured limits allow, over the time taken. More than
            100% means data from caches, or an algorithm that needs fewer operations than counted.
            </p>
            \(chart(results))
            \(sparse(curves ?? SparseCurve.curves(of: results)))
            <h2>Measurements</h2>
            \(table(results))
            </body>
            </html>

            """
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #1c2127; --paper: #ffffff; --line: #d5dae0;
          --fma: #2f6fb5; --memory: #2e8b6f; --faint: #5d6875; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e6e9ed; --paper: #15181c; --line: #363d45; --fma: #6aa5e8;
            --memory: #5cc2a2; --faint: #9aa5b1; } }
        body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
          margin: 2rem auto; padding: 0 1rem; max-width: 70rem; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
        th:first-child, td:first-child { text-align: left; }
        svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
        svg .faint { fill: var(--faint); }
        svg .fma { fill: var(--fma); }
        svg .memory { fill: var(--memory); }
        svg line { stroke: var(--line); }
        """

    private static func table(_ results: [BenchmarkResult]) -> String {
        let head = TableReport.header.map { "<th>\(escape($0))</th>" }.joined()
        let rows = results.map { result in
            "<tr>" + TableReport.cells(result).map { "<td>\(escape($0))</td>" }.joined() + "</tr>"
        }
        return """
            <div class="scroll"><table><thead><tr>\(head)</tr></thead><tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div>
            """
    }

    /// Realised divided by theoretical saving of masked kernels, one drawing per shape.
    private static func sparse(_ curves: [SparseCurve]) -> String {
        guard !curves.isEmpty else { return "" }
        var drawings: [String] = []
        for title in curves.map(\.title) where !drawings.contains(where: { $0.contains(title) }) {
            drawings.append(SparseChart(curves: curves.filter { $0.title == title }).text)
        }
        return """
            <h2>Realised over theoretical saving</h2>
            <p>Time of the whole map by the defining sums, times the share of outputs that a mask asks for,
            over the time of the masked kernel; the building of the mask's plan is part of that.
            The dashed line is the theory.</p>
            \(drawings.joined(separator: "\n"))
            """
    }

    private static let barsLeft = 340
    private static let barsWidth = 480
    private static let rowHeight = 20

    /// Horizontal bars on a scale that ends at the largest share, at least at 100% and at most at
    /// 300%, where longer bars are cut, so that one case in cache does not shrink all others.
    private static func chart(_ results: [BenchmarkResult]) -> String {
        let shares = results.map(\.rooflineShare).filter(\.isFinite)
        let largest = min(3, max(1, shares.max() ?? 1))
        let height = rowHeight * results.count + 24
        let full = barsLeft + Int(Double(barsWidth) / largest)
        let bars = results.enumerated().map { bar($1, row: $0, largest: largest) }
        return """
            <div class="scroll"><svg width="900" height="\(height)" role="img" \
            aria-label="share of the roofline by case">
            <line x1="\(full)" y1="16" x2="\(full)" y2="\(height)"/>
            <text x="\(full)" y="11" text-anchor="middle" class="faint">100%</text>
            \(bars.joined(separator: "\n"))
            </svg></div>
            <p>Bars: <svg width="12" height="12"><rect width="12" height="12" class="fma"/></svg> \
            bound by multiply-adds, \
            <svg width="12" height="12"><rect width="12" height="12" class="memory"/></svg> \
            bound by memory.</p>
            """
    }

    private static func bar(_ result: BenchmarkResult, row: Int, largest: Double) -> String {
        let share = result.rooflineShare.isFinite ? result.rooflineShare : 0
        let width = Int(Double(barsWidth) * min(share / largest, 1))
        let top = 20 + row * rowHeight
        let place = "\(result.configuration.isa.rawValue) × \(result.configuration.threads)"
        return """
            <text x="\(barsLeft - 8)" y="\(top + 13)" text-anchor="end">\(escape(result.name)) \
            <tspan class="faint">\(escape(place))</tspan></text>\
            <rect x="\(barsLeft)" y="\(top + 3)" width="\(width)" height="\(rowHeight - 6)" \
            class="\(result.bound.rawValue)"/>\
            <text x="\(barsLeft + width + 6)" y="\(top + 13)" class="faint">\
            \(Format.percent(share))</text>
            """
    }

    /// Text escaped for use between tags.
    static func escape(_ text: String) -> String { Drawing.escape(text) }
}
