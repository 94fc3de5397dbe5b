import Foundation
import Protean
import Testing

@testable import KernelbenchSupport

@Suite("Regret") struct RegretTests {
    private static let one = Configuration(isa: .scalar, threads: 1)

    private static func choice(
        _ others: [(algorithm: String, measured: Double, estimated: Double)]
    ) -> Regret.Choice {
        Regret.Choice(name: "a", configuration: one, chosen: "direct", others: others)
    }

    @Test func isZeroIfTheChosenOneIsTheFastest() {
        let best = Self.choice([("winograd4x4", 1.2, 2), ("winograd6x6", 1, 3)])
        #expect(best.regret == 0 && best.fastest == "direct")
    }

    @Test func isTheTimeLostToTheFastest() {
        let worse = Self.choice([("winograd4x4", 0.8, 2), ("winograd6x6", 0.5, 3)])
        #expect(worse.regret == 1 && worse.fastest == "winograd6x6")
    }

    @Test func onlyConvolutionsWithoutFixedAlgorithmCount() throws {
        let parser = CaseParser()
        let lines = [
            "a conv2d h=7 w=9 c=4 k=8 r=3", "b conv2d h=7 w=9 c=4 k=8 r=3 algorithm=direct",
            "d copy n=4 h=2 w=2 c=2",
        ]
        let cases = try lines.compactMap { try parser.parse(line: $0, place: "test") }
        #expect(try Regret.cases(among: cases).map(\.name) == ["a"])
        let error = #expect(throws: CaseError.self) {
            _ = try Regret.cases(among: Array(cases[1...]))
        }
        #expect(error?.place == "--regret")
    }

    @Test func everyAlgorithmIsMeasuredBesideTheChosenOne() throws {
        let session = BenchmarkSession(
            configurations: [1, 2].map { Configuration(isa: .scalar, threads: $0) },
            minimumTime: 1e-4)
        let parser = CaseParser()
        let cases = try [
            "a conv2d h=14 w=15 c=8 k=16 r=3", "b conv2d h=7 w=9 c=4 k=8 r=1",
        ].compactMap { try parser.parse(line: $0, place: "test") }
        let rooflines = try session.rooflines()
        let found = try session.regret(of: cases, rooflines: rooflines) { _ in 10 }
        // A 1 x 1 convolution has no choice.
        #expect(found.choices.map(\.name) == ["a", "a"])
        #expect(found.choices.map(\.configuration.threads) == [1, 2])
        for choice in found.choices {
            let all = choice.others.map(\.algorithm) + [choice.chosen]
            #expect(Set(all) == ["direct", "winograd4x4", "winograd6x6"])
            #expect(choice.others.allSatisfy { $0.measured > 0 && $0.estimated >= 1 })
            #expect(choice.regret >= 0)
        }
        #expect(found.results.count == 2 * 3)
        #expect(found.text.contains("scalar, 2 threads: mean "))
        let report = try JSONReport(
            executable: "kernelbench", single: rooflines[0], rooflines: rooflines,
            results: found.results, regret: found
        ).encoded()
        let json = try #require(
            try JSONSerialization.jsonObject(with: report) as? [String: Any])
        let stored = try #require(json["regret"] as? [[String: Any]])
        #expect(stored.count == 2)
        #expect(stored.first?["chosen"] as? String == found.choices[0].chosen)
    }
}
