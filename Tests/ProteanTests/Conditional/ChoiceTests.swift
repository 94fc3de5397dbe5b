import Foundation
import Testing

@testable import Protean

@Suite("Choice and Rule: scores become decisions")
struct ChoiceTests {
    private func choose(_ rule: Rule, _ rows: [[Float]]) throws -> [[Choice.Pick]] {
        let scores = try Tensor(rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0])
        return try rule.choose(scores).picks
    }

    private func pick(_ action: Int, _ weight: Float = 1) -> Choice.Pick {
        Choice.Pick(action: action, weight: weight)
    }

    @Test func thresholdsAreStrictOrNot() throws {
        let row: [Float] = [0.5, 0.6, .nan, 0.4]
        #expect(try choose(.above(0.5), [row]) == [[pick(1)]])
        #expect(try choose(.atLeast(0.5), [row]) == [[pick(0), pick(1)]])
    }

    @Test func equalScoresGoToTheLowerAction() throws {
        #expect(try choose(.argmax, [[1, 3, 3], [2, 2, 2]]) == [[pick(1)], [pick(0)]])
        let top = try choose(.top(2), [[1, 3, 3, 3]])
        #expect(top == [[pick(1, 3), pick(2, 3)]])
        #expect(
            try choose(.top(2, normalized: true), [[1, 2, 0, 6]]) == [
                [pick(1, 0.25), pick(3, 0.75)]
            ])
    }

    @Test func winnersDropTiesAtTheThreshold() throws {
        // k = 2 of 4: the third largest is 2, and only larger ones win.
        #expect(try choose(.winners(density: 0.5), [[5, 2, 2, 1]]) == [[pick(0, 5)]])
        #expect(try choose(.winners(density: 0.5), [[5, 4, 2, 1]]) == [[pick(0, 5), pick(1, 4)]])
        #expect(try choose(.winners(density: 1), [[0, 4, 0, 1]]) == [[pick(1, 4), pick(3, 1)]])
        #expect(try choose(.nonzero, [[0, -4, .nan, 1]]) == [[pick(1, -4), pick(3, 1)]])
    }

    @Test func rowsWithoutNumbersAreRefusedWhereOneMustBeChosen() throws {
        #expect(throws: ProteanError.self) { try choose(.argmax, [[.nan, .nan]]) }
        #expect(try choose(.argmax, [[.nan, -1]]) == [[pick(1)]])
        #expect(throws: ProteanError.self) { try choose(.top(2), [[.nan, 1]]) }
        #expect(throws: ProteanError.self) { try choose(.top(3), [[2, 1]]) }
        #expect(throws: ProteanError.self) { try choose(.winners(density: 0), [[2, 1]]) }
        #expect(throws: ProteanError.self) { try choose(.fixed([1, 1]), [[2, 1]]) }
    }

    @Test func samplingFollowsProbabilitiesAndTheRowsOriginalNumber() throws {
        let scores = try Tensor(repeating: 0.25, shape: [4000, 4])
        let rule = Rule.sample(seed: 7, site: 3)
        let all = try rule.choose(scores)
        for action in 0..<4 {
            #expect(abs(all.rows(choosing: action).count - 1000) < 120)
        }
        let some = try RowPlan(rows: [5, 17, 1999, 3000], batch: 4000)
        let alone = try RowScope.with(some) { () throws(ProteanError) in
            try rule.choose(try Operations.gatherRows(scores, some))
        }
        #expect(try alone == all.narrowed(to: some))
        let other = try Rule.sample(seed: 8, site: 3).choose(scores)
        #expect(other != all)
        #expect(throws: ProteanError.self) { try choose(rule, [[0, 0]]) }
    }

    @Test func normalDrawsHaveMeanAndDeviation() {
        let draws = (0..<20000).map { Double(CounterRandom.normal(seed: 1, site: 0, row: $0)) }
        let mean = draws.reduce(0, +) / 20000
        let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20000
        #expect(abs(mean) < 0.03 && abs(variance - 1) < 0.05)
    }

    @Test func choicesAreChecked() throws {
        #expect(throws: ProteanError.self) { try Choice([2], actions: 2) }
        #expect(throws: ProteanError.self) {
            try Choice(actions: 2, picks: [[pick(1), pick(1, 0.5)]])
        }
        let choice = try Choice(actions: 3, picks: [[pick(2, 0.5), pick(0)], [], [pick(1, 0)]])
        #expect(choice.picks == [[pick(0), pick(2, 0.5)], [], []])
        #expect(choice.rows(choosing: 2).rows == [0] && choice.weights(of: 2) == [0.5])
    }

    @Test func decisionsAreRecordedAndReplayed() throws {
        let trace = DecisionTrace()
        let first = try Choice([1, 0, 1], actions: 2)
        _ = try trace.recording { () throws(ProteanError) in
            try DecisionSource.decide(site: "a", batch: 3, actions: 2) { first }
        }
        #expect(trace.uniquePaths == 2 && trace.sites == ["a"])
        let some = try RowPlan(rows: [1, 2], batch: 3)
        let replayed = try DecisionSource.with(.table(trace.table)) { () throws(ProteanError) in
            try RowScope.with(some) { () throws(ProteanError) in
                try DecisionSource.decide(site: "a", batch: 2, actions: 2) {
                    () throws(ProteanError) in try Choice([0, 0], actions: 2)
                }
            }
        }
        #expect(try replayed == first.narrowed(to: some))
        let forced = try DecisionSource.with(.everywhere([0])) { () throws(ProteanError) in
            try DecisionSource.decide(site: "a", batch: 3, actions: 2) { first }
        }
        #expect(forced.picks.allSatisfy { $0.map(\.action) == [0] })
    }
}
