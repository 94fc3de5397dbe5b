import Foundation
import Protean
import Testing

@testable import KernelbenchSupport

@Suite("Cases beside the whole map by the defining sums")
struct AgainstDirectTests {
    static func cases(_ lines: String...) throws -> [BenchmarkCase] {
        try lines.compactMap { try CaseParser().parse(line: $0, place: "test") }
    }

    @Test func aCaseNamesWhatItReplaces() throws {
        let lines = try Self.cases(
            "a masked_conv2d h=5 w=6 c=4 k=8 r=3 stride=2 density=0.5 pattern=disc seed=3",
            "b deform_conv2d n=2 h=5 w=6 c=4 k=8 r=3 groups=2 offset_groups=2 sigma=4 mask=0",
            "c dynconv_bottleneck h=5 w=6 c=4 density=0.5",
            "d dynconv_bottleneck h=5 w=6 c=4 algorithm=dense",
            "e conv2d h=5 w=6 c=4 k=8 r=3"
        ).map { $0.direct?.line }
        #expect(
            lines == [
                "a/direct conv2d h=5 w=6 c=4 k=8 r=3 stride=2 seed=3 algorithm=direct",
                "b/direct conv2d n=2 h=5 w=6 c=4 k=8 r=3 groups=2 algorithm=direct",
                "c/direct dynconv_bottleneck h=5 w=6 c=4 algorithm=dense", nil, nil,
            ])
    }

    @Test func ratiosAreOfTurnsAndDrawn() throws {
        let configurations = [1, 2].map { Configuration(isa: .scalar, threads: $0) }
        let session = BenchmarkSession(configurations: configurations, minimumTime: 1e-4)
        let cases = try Self.cases(
            "whole conv2d h=5 w=6 c=4 k=8 r=3",
            "half masked_conv2d h=5 w=6 c=4 k=8 r=3 density=0.5 algorithm=direct",
            "samples deform_conv2d h=5 w=6 c=4 k=8 r=3 sigma=4",
            "block dynconv_bottleneck h=5 w=6 c=4 density=0.2")
        let rooflines = try session.rooflines()
        let results = try session.againstDirect(cases, rooflines: rooflines) { _ in 10 }
        #expect(results.map(\.name) == ["half", "samples", "block"].flatMap { [$0, $0] })
        for result in results {
            let ratio = try #require(result.directRatio)
            #expect(ratio > 0 && ratio.isFinite)
            #expect(result.realised == ratio * result.executedShare)
            #expect(result.timing.samples.count >= PairedMeasurement.fewestTurns)
        }
        #expect(results[0].executedShare == 0.5 && results[2].executedShare == 1)
        let curves = SparseCurve.curves(of: results)
        #expect(curves.count == 4)
        #expect(curves[0].points.map(\.speedup) == [try #require(results[0].directRatio)])
        let row = try #require(TableReport.cells(results[2]).last)
        #expect(row == results[2].realised.map(Format.percent))
        #expect(TableReport.text(results).contains("of direct"))
        let alone = try session.run([cases[0]], rooflines: rooflines)
        #expect(!TableReport.text(alone).contains("of direct"))
        #expect(TableReport.text(alone).contains("executed"))
        let report = try JSONReport(
            executable: "kernelbench", single: rooflines[0], rooflines: rooflines, results: results
        ).encoded()
        let json = try #require(
            try JSONSerialization.jsonObject(with: report) as? [String: Any])
        let stored = try #require(json["benchmarks"] as? [[String: Any]])
        for (key, value) in [
            ("realised", results[0].realised), ("direct_ratio", results[0].directRatio),
        ] {
            let written = try #require(stored[0][key] as? Double), value = try #require(value)
            #expect(abs(written - value) < 1e-9 * value, "\(key)")
        }
    }

    @Test func casesThatReplaceNothingAreRefused() throws {
        let session = BenchmarkSession(
            configurations: [Configuration(isa: .scalar, threads: 1)], minimumTime: 1e-4)
        let cases = try Self.cases("whole conv2d h=5 w=6 c=4 k=8 r=3")
        let error = #expect(throws: CaseError.self) {
            try session.againstDirect(cases, rooflines: []) { _ in 10 }
        }
        #expect(error?.description.contains("--against-direct") == true)
    }
}
