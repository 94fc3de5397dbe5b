import Protean
import Testing

@testable import ProteanCatalogue
@testable import protean_fuzz

struct LayerCaseTests {
    @Test func everyLayerHasARecipe() {
        for entry in LayerCatalogue.entries {
            #expect(LayerRecipe.of(entry) != nil, "\(entry.name)")
        }
    }

    @Test func aCaseIsTheSameEveryTime() throws {
        for number in 0..<LayerCatalogue.entries.count {
            let one = try LayerCase(seed: 3, number: number, only: nil)
            let other = try LayerCase(seed: 3, number: number, only: nil)
            #expect(one.configuration == other.configuration)
            #expect(one.inputs.mapValues(\.shape) == other.inputs.mapValues(\.shape))
        }
    }

    @Test(arguments: LayerCatalogue.entries.map(\.name))
    func plausibleCasesRunAndPassAllChecks(name: String) throws {
        let entry = try LayerCatalogue.entry(named: name)
        var runner = LayerCaseRunner(sets: KernelISA.supported.reversed())
        var ran = 0
        for number in 0..<40 {
            let one = try LayerCase(seed: 11, number: number, only: entry)
            guard one.kind == .plausible else { continue }
            let outcome = runner(one)
            #expect(outcome.result == .ran || outcome.result == .refused, "\(outcome.note)")
            ran += outcome.result == .ran ? 1 : 0
        }
        #expect(ran > 0)
    }

    @Test func aResultThatTookTooMuchIsAFinding() {
        var outcome = CaseOutcome(
            number: 1, layer: "Conv2d", kind: "plausible", result: .ran, note: "", seconds: 3)
        LayerCaseLimits(seconds: 2, mebibytes: 10).check(&outcome)
        #expect(outcome.result == .failed)
        outcome = CaseOutcome(
            number: 1, layer: "Conv2d", kind: "plausible", result: .refused, note: "", mebibytes: 11
        )
        LayerCaseLimits(seconds: 2, mebibytes: 10).check(&outcome)
        #expect(outcome.result == .failed)
    }

    @Test func aReportNamesLayersThatNeverRan() {
        var report = LayersReport(seed: 1, sets: ["scalar"])
        report.add(
            CaseOutcome(number: 0, layer: "Conv2d", kind: "plausible", result: .ran, note: ""))
        report.add(
            CaseOutcome(number: 1, layer: "Linear", kind: "options", result: .refused, note: "no"))
        report.add(
            CaseOutcome(number: 2, layer: "Linear", kind: "options", result: .crashed, note: "11"))
        #expect(report.neverRan(of: ["Conv2d", "Linear"]) == ["Linear"])
        #expect(report.findings.map(\.number) == [2])
        #expect(report.lines { "again \($0)" }.contains("  again: again 2"))
    }
}
