import Foundation
import Testing

@testable import KernelbenchSupport

@Suite("Statistics and formats")
struct StatisticsTests {
    @Test(
        arguments: [
            ([3.0], 3.0), ([1, 2], 1.5), ([9, 1, 5], 5), ([4, 1, 3, 2], 2.5), ([7, 7, 7, 7, 1], 7),
        ] as [([Double], Double)])
    func median(samples: [Double], expected: Double) {
        #expect(Statistics.median(samples) == expected)
    }

    @Test func quantilesInterpolate() {
        let samples = (0...10).map(Double.init).reversed()
        #expect(Statistics.quantile(0, of: Array(samples)) == 0)
        #expect(Statistics.quantile(1, of: Array(samples)) == 10)
        #expect(abs(Statistics.quantile(0.25, of: Array(samples)) - 2.5) < 1e-12)
    }

    @Test func spreadIsRelativeToTheMedian() {
        #expect(abs(Statistics.spread((0...10).map { Double($0) }) - 8.0 / 5) < 1e-12)
        #expect(Statistics.spread([2, 2, 2]) == 0)
        #expect(Statistics.spread([]) == 0)
    }

    @Test func theMedianLiesBetweenTwoSamples() {
        #expect(Statistics.medianInterval([3, 1, 2]) == 1...3)
        #expect(Statistics.medianInterval((1...9).map { Double($0) }) == 2...8)
        #expect(Statistics.medianInterval((1...100).map { Double($0) }.reversed()) == 41...60)
        #expect(Statistics.medianInterval([]).contains(0))
    }

    @Test func withoutSamplesThereIsNoMedian() { #expect(Statistics.median([]).isNaN) }

    @Test(
        arguments: [
            (1.234e-9, "1.23 ns"), (9.996e-6, "10.0 us"), (0.0123, "12.3 ms"), (2, "2.00 s"),
        ] as [(Double, String)])
    func times(value: Double, text: String) { #expect(Format.seconds(value) == text) }

    @Test(arguments: [("48K", 49152), ("2M", 2 << 20), ("17", 17)])
    func cacheSizes(text: String, bytes: Int) { #expect(MachineInfo.size(text) == bytes) }

    @Test(arguments: [("0", 1), ("0-3", 4), ("0-3,8,10-11", 7)])
    func processorLists(text: String, count: Int) { #expect(MachineInfo.count(text) == count) }

    @Test func nameIsEscapedInReports() {
        #expect(HTMLReport.escape("a<b>&\"") == "a&lt;b&gt;&amp;&quot;")
    }

    @Test(arguments: [
        (["--json"], ["--json", "-"]), (["--json", "--list"], ["--json", "-", "--list"]),
        (["--json", "f.json"], ["--json", "f.json"]), (["--json", "-"], ["--json", "-"]),
        (["--json=f"], ["--json=f"]), (["--list"], ["--list"]),
    ])
    func bareJSON(arguments: [String], expected: [String]) {
        #expect(CommandArguments.normalized(arguments) == expected)
    }

    @Test func filterTakesTextOrExpression() throws {
        let parser = CaseParser(registry: KernelRegistry([CopyBenchmark.self]))
        let cases = try parser.parse(
            text: "x.a1 copy h=1 w=1 c=1\nx.b2 copy h=1 w=1 c=1\nx(c copy h=1 w=1 c=1", file: "f")
        func names(_ pattern: String) -> [String] {
            CommandArguments.filter(cases, pattern).map(\.name)
        }
        #expect(names("a1") == ["x.a1"])
        #expect(names("[ab]\\d$") == ["x.a1", "x.b2"])
        #expect(names("x(") == ["x(c"])
        #expect(names("copy").count == 3)
        #expect(names("nothing").isEmpty)
    }
}
