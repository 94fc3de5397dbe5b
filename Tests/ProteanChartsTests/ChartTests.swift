import Foundation
import Testing

@testable import ProteanCharts

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The pictures as XML: what is in them, and that nothing breaks them.
@Suite struct ChartTests {
    /// The elements of a picture by name, with their attributes; throws for malformed XML.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [(name: String, attributes: [String: String])] = []
        var texts: [String] = []
        private var inText = false

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
            qualifiedName: String?, attributes: [String: String]
        ) {
            elements.append((name, attributes))
            inText = name == "text"
            if inText { texts.append("") }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) {
            if inText { texts[texts.count - 1] += string }
        }

        func parser(
            _ parser: XMLParser, didEndElement name: String, namespaceURI: String?,
            qualifiedName: String?
        ) { inText = false }

        func count(_ name: String) -> Int { elements.count { $0.name == name } }
    }

    private func read(_ text: String) throws -> Reader {
        let reader = Reader()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError))\n\(text)")
        return reader
    }

    private func points(_ text: String?) -> [Point] {
        (text ?? "").split(separator: " ").map { pair in
            let parts = pair.split(separator: ",").map { Double($0) ?? .nan }
            return Point(parts[0], parts[1])
        }
    }

    @Test func linesGoWhereTheirValuesAre() throws {
        var chart = Chart(
            "title", x: Axis("across", range: 0...10), y: Axis("up", range: 0...4), plotWidth: 100,
            plotHeight: 40)
        chart.add(Chart.Series("a", [Point(0, 0), Point(5, 4), Point(10, 1)]))
        let reader = try read(chart.drawing.file(label: "a chart"))
        let line = try #require(reader.elements.first { $0.name == "polyline" })
        #expect(
            points(line.attributes["points"]) == [
                Point(72, 76), Point(122, 36), Point(172, 66),
            ])
        for text in ["title", "across", "up", "a", "10", "4"] {
            #expect(reader.texts.contains(text), "\(text)")
        }
        #expect(reader.elements[0].attributes["aria-label"] == "a chart")
    }

    @Test func stepsHoldToTheNextPointAndTheEnd() throws {
        var chart = Chart(
            "", x: Axis("x", range: 0...10), y: Axis("y", range: 0...10), plotWidth: 100,
            plotHeight: 100)
        chart.add(Chart.Series("s", [Point(2, 5), Point(6, 9)], style: .steps))
        let reader = try read(chart.drawing.file(label: ""))
        let line = try #require(reader.elements.first { $0.name == "polyline" })
        #expect(
            points(line.attributes["points"]) == [
                Point(92, 86), Point(132, 86), Point(132, 46), Point(172, 46),
            ])
        #expect(reader.count("circle") == 2)
    }

    @Test func valuesThatAreNoNumbersInterruptALine() throws {
        var chart = Chart("", x: Axis("x"), y: Axis("y"))
        let values: [Double] = [1, 2, .nan, 3, .infinity, 4, 5]
        chart.add(
            Chart.Series("a", values.enumerated().map { Point(Double($0.offset), $0.element) }))
        chart.add(Chart.Series("none", []))
        let text = chart.drawing.file(label: "")
        // Two parts of the first, and each series' key in the legend.
        #expect(try read(text).count("polyline") == 2 + 2)
        #expect(!text.contains("nan") && !text.contains("inf"))
    }

    @Test func textsAreEscaped() throws {
        let name = "<script>&\"'\u{7}\u{1B}[31m é"
        var chart = Chart(name, x: Axis(name), y: Axis(name))
        chart.add(Chart.Series(name, [Point(0, 0), Point(1, 1)], style: .lineAndPoints))
        chart.add(level: 0.5, name: name)
        let text = chart.drawing.file(label: name)
        #expect(!text.contains("<script") && !text.contains("\u{1B}"))
        let reader = try read(text)
        #expect(reader.texts.count { $0 == "<script>&\"'\u{FFFD}\u{FFFD}[31m é" } == 5)
        #expect(
            Drawing.escape("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;")
    }

    @Test func theSameChartGivesTheSameBytes() {
        func text() -> String {
            var chart = Chart("t", x: Axis("x", scale: .logarithmic), y: Axis("y"))
            chart.add(Chart.Series("a", (1...9).map { Point(Double($0), 1 / Double($0)) }))
            return chart.drawing.file(label: "l")
        }
        #expect(text() == text())
    }

    @Test func ticksAreRoundNumbers() {
        #expect(Axis("").fitted(to: [0.03, 0.97]).ticks.count == 6)
        #expect(Axis("").fitted(to: [0.03, 0.97]).range == 0...1)
        #expect(
            Axis("", range: 0...1).fitted(to: []).ticks.map { Axis.digits($0) } == [
                "0", "0.2", "0.4", "0.6", "0.8", "1",
            ])
        let powers = Axis("", scale: .logarithmic).fitted(to: [0.5, 30, -1, 0])
        #expect(powers.ticks.map { Axis.digits($0) } == ["0.5", "1", "2", "5", "10", "20"])
        #expect(powers.position(-1).isNaN)
        // One value, none, and a range without extent.
        for values in [[], [0.0], [5], [5, 5]] {
            let axis = Axis("").fitted(to: values)
            #expect(axis.ticks.count > 1)
            #expect(values.allSatisfy { (0...1).contains(axis.position($0)) })
        }
    }

    @Test func numbersAreWrittenBriefly() {
        let cases: [(Double, String)] = [
            (0, "0"), (1, "1"), (-2.5, "-2.5"), (0.1 + 0.2, "0.3"), (1234.5678, "1235"),
            (0.000123456, "0.0001235"), (99.95, "99.95"), (.nan, "NaN"), (-.infinity, "-∞"),
        ]
        for (value, text) in cases { #expect(Axis.digits(value) == text) }
        #expect(Axis("", format: .percent).label(0.925) == "92.5 %")
        #expect(Axis("", format: .short).label(2_500_000) == "2.5 M")
        let pixels: [(Double, String)] = [
            (1.005, "1"), (1.05, "1.05"), (-0.5, "-0.5"), (-0.001, "0"), (12.3456, "12.35"),
            (.nan, "0"), (.infinity, "1000000000"),
        ]
        for (value, text) in pixels { #expect(Drawing.number(value) == text) }
    }

    @Test func barsHaveTheHeightOfTheirValues() throws {
        var chart = BarChart(
            "shares", categories: ["exit 1", "exit 2"], y: Axis("share", range: 0...1))
        chart.add("held out", [0.5, 0.25])
        chart.add("test", [0.75, .nan])
        let reader = try read(chart.drawing.file(label: ""))
        let heights = reader.elements.filter { $0.name == "rect" }
            .compactMap { Double($0.attributes["height"] ?? "") }.filter { $0 != 12 }
        // The first is the ground.
        #expect(Array(heights.dropFirst()) == [110, 165, 55])
        #expect(reader.texts.contains("exit 2") && reader.texts.contains("held out"))
    }

    @Test func cellsHaveTheColoursOfTheirKinds() throws {
        let chart = CellChart(
            "decisions", rows: ["a", "b"], columns: ["x", "y", "z"],
            cells: [[0, 1, nil], [1, 1, 7]],
            kinds: [.init("ran", Color(1, 2, 3)), .init("skipped", .empty)])
        let reader = try read(chart.drawing.file(label: ""))
        let fills = reader.elements.filter { $0.name == "rect" }.map { $0.attributes["fill"] }
        // One of each kind is the legend's.
        #expect(fills.count { $0 == "#010203" } == 2)
        #expect(fills.count { $0 == Color.empty.hex } == 4)
    }

    @Test func picturesStack() throws {
        var a = Drawing(width: 10, height: 20)
        a.circle(at: Point(1, 1), radius: 1, color: .ink)
        let both = Drawing.stacked([a, a], gap: 5)
        #expect((both.width, both.height) == (10, 45))
        let reader = try read(both.file(label: ""))
        #expect(reader.count("circle") == 2)
        #expect(
            reader.elements.compactMap { $0.attributes["transform"] } == [
                "translate(0 0)", "translate(0 25)",
            ])
        #expect(Color(255, 0, 10).hex == "#ff000a")
        #expect(Color(0, 0, 0).shade(0.5) == Color(128, 128, 128))
    }
}
