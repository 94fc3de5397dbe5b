import Testing

@testable import Protean

@Suite("Features: tensors that are narrowed when they are read")
struct FeaturesTests {
    @Test func narrowsLazilyOverSeveralDepartures() throws {
        let x = try Tensor.random([6, 3], seed: 1), y = try Tensor.random([6, 2, 2], seed: 2)
        var features = Features(x)
        try features.set("y", y)
        try features.keep(RowPlan(where: [true, false, true, true, false, true]))
        let compact = try features.tensor("x")
        #expect(compact.isBitEqual(to: try Operations.gatherRows(x, features.rows)))
        try features.keep(RowPlan(where: [false, true, false, true]))
        #expect(features.rows.rows == [2, 5])
        let later = try features.tensor("y")
        #expect(later.isBitEqual(to: try Operations.gatherRows(y, features.rows)))
        let taken = try features.take("x")
        #expect(taken.isBitEqual(to: try Operations.gatherRows(x, features.rows)))
        #expect(features.names == ["y"])
    }

    @Test func refusesWhatDoesNotFit() throws {
        var features = Features(try Tensor(zeros: [3, 2]))
        #expect(throws: ProteanError.self) { try features.tensor("z") }
        #expect(throws: ProteanError.self) { try features.set("z", try Tensor(zeros: [2, 2])) }
        #expect(throws: ProteanError.self) { try features.keep(RowPlan(all: 4)) }
    }
}
