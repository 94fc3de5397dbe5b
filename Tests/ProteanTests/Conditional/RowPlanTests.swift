import Testing

@testable import Protean

@Suite("RowPlan: rows of a batch, gathered, scattered and added")
struct RowPlanTests {
    @Test func refusesListsThatAreNotAscendingWithinTheBatch() throws {
        for rows in [[0, 0], [1, 0], [3], [-1]] {
            #expect(throws: ProteanError.self) { try RowPlan(rows: rows, batch: 3) }
        }
        #expect(try RowPlan(rows: [], batch: 0).isComplete)
    }

    @Test func composesAndInverts() throws {
        let outer = try RowPlan(rows: [1, 4, 5, 8], batch: 9)
        let inner = RowPlan(where: [false, true, false, true])
        let both = try outer.narrowed(to: inner)
        #expect(both == RowPlan(trusted: [4, 8], batch: 9))
        #expect(try outer.positions(of: both) == inner)
        #expect(both.inverted.rows == [0, 1, 2, 3, 5, 6, 7])
        #expect(throws: ProteanError.self) { try outer.narrowed(to: outer) }
        #expect(throws: ProteanError.self) {
            try both.positions(of: RowPlan(trusted: [5], batch: 9))
        }
    }

    @Test func bucketsAreStable() throws {
        let plans = try RowPlan.buckets(of: [2, 0, 2, 1, 0], count: 4)
        #expect(plans.map(\.rows) == [[1, 4], [3], [0, 2], []])
        #expect(plans.allSatisfy { $0.batch == 5 })
        #expect(throws: ProteanError.self) { try RowPlan.buckets(of: [1], count: 1) }
    }

    @Test(arguments: [[3], [7, 1], [5, 33, 3], [2, 9, 11, 130]])
    func rowsGoOutAndIn(_ inner: [Int]) throws {
        let x = try Tensor.random([5] + inner, seed: 3), size = inner.reduce(1, *)
        let values = x.elements
        for rows in [[], [0], [1, 3], [0, 1, 2, 3, 4], [4]] {
            let plan = try RowPlan(rows: rows, batch: 5)
            var compact = try Tensor(zeros: [0])
            try MapTest.everywhere {
                try Operations.gatherRows(x, plan)
            } check: { _, y in
                let expected = rows.flatMap { values[$0 * size..<($0 + 1) * size] }
                #expect(y.elements == expected && y.shape == [rows.count] + inner)
                compact = y
            }
            let start = try Tensor.random([5] + inner, seed: 4)
            try MapTest.everywhere {
                var target = start
                try Operations.scatterRows(compact, plan, into: &target)
                return target
            } check: { _, y in
                let others = start.elements
                let expected = values.indices.map {
                    rows.contains($0 / size) ? values[$0] : others[$0]
                }
                #expect(y.elements == expected)
            }
        }
    }

    @Test func addsWithAndWithoutWeights() throws {
        let plan = try RowPlan(rows: [0, 2], batch: 3)
        let y = try Tensor.random([2, 5, 7], seed: 1),
            start = try Tensor.random([3, 5, 7], seed: 2)
        for weights in [nil, [Float(0.3), -2]] as [[Float]?] {
            try MapTest.everywhere {
                var target = start
                try Operations.addRows(y, plan, weights: weights, to: &target)
                return target
            } check: { _, sum in
                for (i, row) in plan.rows.enumerated() {
                    for at in 0..<35 {
                        let product = (weights?[i] ?? 1) * y.elements[i * 35 + at]
                        let expected = start.elements[row * 35 + at] + product
                        #expect(sum.elements[row * 35 + at] == expected)
                    }
                }
                #expect(sum.elements[35..<70] == start.elements[35..<70])
            }
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        let plan = try RowPlan(rows: [0, 2], batch: 3)
        var target = try Tensor(zeros: [3, 4])
        #expect(throws: ProteanError.self) {
            try Operations.gatherRows(try Tensor(zeros: [2, 4]), plan)
        }
        #expect(throws: ProteanError.self) {
            try Operations.scatterRows(try Tensor(zeros: [2, 3]), plan, into: &target)
        }
        #expect(throws: ProteanError.self) {
            try Operations.addRows(try Tensor(zeros: [2, 4]), plan, weights: [1], to: &target)
        }
        #expect(try Operations.gatherRows(try Tensor(shapeOnly: [3, 4]), plan).shape == [2, 4])
    }
}
