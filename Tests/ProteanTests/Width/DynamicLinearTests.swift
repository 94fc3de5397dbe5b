import Testing

@testable import Protean

@Suite struct DynamicLinearTests {
    /// bias + Σ weight · x for the listed units, 0 elsewhere.
    private func reference(
        _ layer: DynamicLinear, _ x: [Float], _ lists: [[Int]]
    ) -> [Double] {
        let weight = layer.weight.value.elements, bias = layer.bias?.value.elements
        let (n, m) = (layer.inputFeatures, layer.outputFeatures)
        var y = [Double](repeating: 0, count: lists.count * m)
        for (row, list) in lists.enumerated() {
            for unit in list {
                var sum = Double(bias?[unit] ?? 0)
                for c in 0..<n { sum += Double(x[row * n + c]) * Double(weight[unit * n + c]) }
                y[row * m + unit] = sum
            }
        }
        return y
    }

    @Test func equalsTheSumsOfTheListedUnits() throws {
        for (inputs, outputs, rows) in [(1, 1, 1), (7, 5, 3), (33, 17, 7), (130, 70, 2), (64, 9, 0)] {
            for bias in [true, false] {
                let layer = try DynamicLinear(
                    inputFeatures: inputs, outputFeatures: outputs, bias: bias, seed: 4)
                let x = try Tensor.random([rows, inputs], seed: 2)
                let lists = (0..<rows).map { row in
                    (0..<outputs).filter { ($0 * 7 + row * 3) % 5 < 2 + row % 3 }
                }
                let units = try UnitLists(lists, width: outputs)
                try MapTest.everywhere({ try layer(x, units: units) }) { _, y in
                    MapTest.expect(
                        y, shape: [rows, outputs], reference(layer, x.elements, lists))
                }
            }
        }
    }

    @Test func aRowsBitsDoNotDependOnItsCompanyOrItsList() throws {
        let layer = try DynamicLinear(inputFeatures: 50, outputFeatures: 23)
        let x = try Tensor.random([32, 50])
        let lists = (0..<32).map { row in (0..<23).filter { ($0 + row) % (1 + row % 4) == 0 } }
        let together = try layer(x, units: UnitLists(lists, width: 23))
        let whole = try layer(
            x, units: UnitLists(lists.map { _ in Array(0..<23) }, width: 23)).elements
        for row in 0..<32 {
            let alone = try layer(x.sample(row), units: UnitLists([lists[row]], width: 23))
            #expect(alone.isBitEqual(to: try together.sample(row)))
            for unit in lists[row] {
                #expect(alone.elements[unit] == whole[row * 23 + unit])
            }
        }
    }

    @Test func rulesChooseUnits() throws {
        let x = try Tensor.random([2, 3, 8])
        let scores = try Tensor.random([2, 3, 6], seed: 9)
        let values = scores.elements
        for (rule, chosen) in [
            (Rule.top(2), { (row: [Float]) in row.sorted(by: >)[1] }),
            (Rule.above(0.25), { _ in Float(0.25).nextUp }),
            (Rule.winners(density: 0.5), { (row: [Float]) in row.sorted(by: >)[2] }),
        ] {
            let layer = try DynamicLinear(inputFeatures: 8, outputFeatures: 6, rule: rule)
            let y = try layer(x, scores: scores)
            let lists = (0..<6).map { row in
                let own = Array(values[row * 6..<row * 6 + 6])
                return own.indices.filter { own[$0] >= chosen(own) }
            }
            MapTest.expect(y, shape: [2, 3, 6], reference(layer, x.elements, lists))
            let trace = Trace()
            _ = try trace.recording { try layer(x, scores: scores) }
            #expect(
                trace.totalCost.executedMultiplyAdds == lists.reduce(0) { $0 + $1.count } * 8)
            #expect(trace.totalCost.multiplyAdds == 6 * 6 * 8)
            let byRow = [lists[..<3], lists[3...]].map { $0.reduce(0) { $0 + $1.count } * 8 }
            #expect(trace.executed(batch: 2) == byRow)
        }
    }

    @Test func aMaskChoosesAndDoesNotScale() throws {
        let layer = try DynamicLinear(inputFeatures: 4, outputFeatures: 3)
        let x = try Tensor.random([1, 4])
        let y = try layer(x, scores: Tensor([0, 5, -2], shape: [1, 3]))
        MapTest.expect(y, shape: [1, 3], reference(layer, x.elements, [[1, 2]]))
    }

    @Test func prefixesAreTheFirstUnitsOfTheDenseLayer() throws {
        let layer = try DynamicLinear(inputFeatures: 20, outputFeatures: 40)
        let x = try Tensor.random([3, 5, 20])
        for (units, inputs) in [(40, 20), (10, 20), (1, 20), (33, 7)] {
            let part = try Operations.slice(x, [.all, .all, AxisSlice(0..<inputs)])
            let wide = try Operations.concatenate(
                [part, Tensor(zeros: [3, 5, 20 - inputs])], axis: 2)
            let expected = reference(
                layer, wide.elements, [[Int]](repeating: Array(0..<units), count: 15))
            let y = try layer(part, prefix: units, inputs: inputs)
            let kept = (0..<15).flatMap { expected[$0 * 40..<$0 * 40 + units] }
            MapTest.expect(y, shape: [3, 5, units], kept)
        }
        try layer.weight.set(Tensor(zeros: [40, 20]))
        let bias = try #require(layer.bias).value.elements
        #expect(try layer(x, prefix: 2).elements[0] == bias[0])
    }

    @Test func shapesCostAndRefusals() throws {
        let layer = try DynamicLinear(inputFeatures: 6, outputFeatures: 5, rule: .top(2))
        let shape = try layer(
            Tensor(shapeOnly: [4, 6]), scores: Tensor(shapeOnly: [4, 5]))
        #expect(shape.isShapeOnly && shape.shape == [4, 5])
        let x = try Tensor(zeros: [4, 6])
        #expect(throws: ProteanError.self) { try layer(x, scores: Tensor(zeros: [4, 4])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [4, 7]), prefix: 2) }
        #expect(throws: ProteanError.self) { try layer(x, prefix: 0) }
        #expect(throws: ProteanError.self) { try layer(x, prefix: 6) }
        #expect(throws: ProteanError.self) { try UnitLists([[1, 1]], width: 4) }
        #expect(throws: ProteanError.self) { try UnitLists([[4]], width: 4) }
        #expect(throws: ProteanError.self) { try layer(x, units: UnitLists([[0]], width: 5)) }
        #expect(throws: ProteanError.self) {
            try DynamicLinear(inputFeatures: 6, outputFeatures: 5, rule: .top(6))
        }
    }
}
