import Foundation
import Protean
import Testing

@testable import KernelbenchSupport

@Suite("Break-even") struct BreakEvenTests {
    static func curve(_ points: [(Double, Double)]) -> SparseCurve {
        SparseCurve(
            title: "t", pattern: "pixels",
            points: points.map { SparseCurve.Point(density: $0, speedup: $1) })
    }

    @Test func isWhereTheSpeedUpFallsBelowOne() throws {
        let falling = try #require(BreakEven.density(of: Self.curve([(0.5, 1.47), (0.75, 0.47)])))
        #expect(abs(falling - 0.625) < 1e-9)
        #expect(BreakEven.density(of: Self.curve([(0.1, 4), (0.5, 0.98), (1, 1)])) == 1)
        #expect(BreakEven.density(of: Self.curve([(0.1, 0.9), (1, 2)])) == nil)
    }

    @Test func everyConvolutionGetsItsFamilyOnce() throws {
        let parser = CaseParser()
        let lines = [
            "a conv2d h=7 w=9 c=4 k=8 r=3", "b conv2d h=7 w=9 c=4 k=8 r=3 algorithm=direct",
            "c masked_conv2d h=5 w=5 c=4 k=4 r=1 density=0.5", "d copy n=4 h=2 w=2 c=2",
        ]
        let cases = try lines.compactMap { try parser.parse(line: $0, place: "test") }
        let all = try BreakEven.cases(for: cases)
        #expect(all.count == 2 * (2 + 5 * 11))
        try CaseParser.checkUnique(all)
        for one in all { _ = try KernelRegistry.standard.prepare(one) }
        #expect(throws: CaseError.self) { try BreakEven.cases(for: [cases[3]]) }
    }

    @Test func turnsEndWhenTheRatioIsKnown() throws {
        func isDecided(_ ratios: [Double], _ thresholds: [Double] = [0.97]) -> Bool {
            PairedMeasurement(longest: 1, thresholds: thresholds).isDecided(ratios)
        }
        func around(_ middle: Double, _ width: Double) -> [Double] {
            (-4...4).map { middle * (1 + width * Double($0) / 6) }
        }
        // Ranks 2 and 8 of nine samples bound the median: half of `width` on each side.
        #expect(isDecided(around(2, 0.09)) && !isDecided(around(2, 0.11)))
        #expect(isDecided(around(0.5, 0.09)))
        #expect(!isDecided(around(0.97, 0.03)) && isDecided(around(0.97, 0.019)))
        #expect(!isDecided(around(2, 0.09), [0.97, 2]))
        #expect(isDecided([2, 2, 2, 2, 2, 2, 2, 2, 90]), "one disturbed turn")
    }

    @Test func pairsTakeTurns() throws {
        var order = ""
        let pair = try PairedMeasurement(longest: 0.02, thresholds: []).run(
            Configuration(isa: .scalar, threads: 1),
            {
                order += "a"
                usleep(1000)
                return 0
            },
            {
                order += "b"
                usleep(250)
                return 0
            })
        #expect(pair.ratios.count >= PairedMeasurement.fewestTurns)
        #expect(pair.first.samples.count == pair.ratios.count)
        #expect(pair.second.samples.count == pair.ratios.count)
        #expect(pair.first.median >= 1e-3 && pair.second.median >= 250e-6)
        // Of neighbours: which of them a busy machine lets wait does not matter here.
        #expect(pair.ratios == zip(pair.first.samples, pair.second.samples).map { $0 / $1 })
        #expect(pair.ratio == Statistics.median(pair.ratios))
        #expect(order.split(separator: "a").count >= pair.ratios.count)
    }

    @Test func everyMaskIsMeasuredBesideTheWholeMap() throws {
        let configurations = [1, 2].map { Configuration(isa: .scalar, threads: $0) }
        let session = BenchmarkSession(configurations: configurations, minimumTime: 1e-4)
        let one = try #require(
            try CaseParser().parse(line: "a conv2d h=5 w=6 c=4 k=8 r=3", place: "test"))
        let rooflines = try session.rooflines()
        let found = try session.breakEven(for: [one], rooflines: rooflines) { _ in 10 }
        #expect(found.results.count == 57 * 2)
        #expect(
            found.results.map(\.name).prefix(4) == [
                "a/whole.direct", "a/whole.direct", "a/whole", "a/whole",
            ])
        for result in found.results {
            #expect(result.timing.samples.count >= PairedMeasurement.fewestTurns)
            #expect(result.seconds > 0 && result.speedup ?? 0 > 0)
            #expect(result.roofline.peakGflops == 10)
        }
        // Its turns with every mask count.
        let turns = 56 * PairedMeasurement.fewestTurns
        #expect(found.results[2].timing.samples.count >= turns)
        for curves in [found.againstFastest, found.againstDirect] {
            #expect(curves.count == 5 * 2)
            #expect(Set(curves.map(\.title)).count == 2)
            for curve in curves {
                #expect(curve.points.count == 11)
                #expect(curve.points.allSatisfy { $0.speedup > 0 && $0.speedup.isFinite })
            }
        }
        let text = found.text
        for part in [
            "1x5x6 4->8 r3, scalar, 1 thread ", "2 threads", "cells8", "disc: ", "100.0% ",
        ] {
            #expect(text.contains(part), "\(part)")
        }
        let report = try JSONReport(
            executable: "kernelbench", single: rooflines[0], rooflines: rooflines,
            results: found.results, breakEven: found
        ).encoded()
        let json = try #require(
            try JSONSerialization.jsonObject(with: report) as? [String: Any])
        let stored = try #require(json["break_even"] as? [[String: Any]])
        #expect(stored.count == 20)
        #expect(Set(stored.compactMap { $0["against"] as? String }) == ["fastest", "direct"])
        #expect(stored.allSatisfy { ($0["points"] as? [[String: Double]])?.count == 11 })
    }
}
