import Testing

@testable import Protean

@Suite struct DeepMoEConv2dTests {
    private func layer(_ inputs: Int, _ outputs: Int, stride: Int = 1) throws -> DeepMoEConv2d {
        try DeepMoEConv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3,
            stride: Size2d(stride), padding: 1, embedding: 5, seed: 3)
    }

    @Test func equalsTheGatedDenseConvolution() throws {
        for (inputs, outputs, batch, stride) in [(3, 17, 3, 1), (20, 33, 7, 2), (9, 8, 0, 1)] {
            let layer = try layer(inputs, outputs, stride: stride)
            let x = try Tensor.random([batch, 8, 11, inputs]), e = try Tensor.random([batch, 5])
            let conv = try #require(layer.module(at: "conv") as? Conv2d)
            let gate = try #require(layer.module(at: "gate") as? Linear)
            let dense = try conv(x), gates = try gate(e, activation: .relu).elements
            let each = dense.count / max(batch, 1)
            let expected = dense.elements.enumerated().map { index, value in
                Double(value) * Double(gates[index / each * outputs + index % outputs])
            }
            try MapTest.everywhere({
                try layer(x, with: [e], epilogue: Conv2dEpilogue())
            }) { isa, y in
                MapTest.expect(y, shape: dense.shape, expected, tolerance: 1e-5, "\(isa)")
            }
        }
    }

    @Test func onlyChosenExpertsAreComputedAndRead() throws {
        let first = try layer(6, 20), second = try layer(20, 16)
        let x = try Tensor.random([4, 6, 5, 6]), e = try Tensor.random([4, 5], seed: 8)
        let trace = Trace()
        let map = try trace.recording {
            try second(try first(SelectedMap(x), embedding: e), embedding: e)
        }
        var expected = 0
        for row in 0..<4 {
            let one = try first(SelectedMap(x.sample(row)), embedding: e.sample(row))
            let inner = try one.sample(0).channels?.count ?? 20
            let outer = try map.sample(row).channels?.count ?? 16
            #expect(inner < 20)
            expected += 30 * 9 * (6 * inner + inner * outer) + 5 * 36
            let alone = try second(one, embedding: e.sample(row)).map()
            #expect(alone.isBitEqual(to: try map.map().sample(row)))
        }
        #expect(trace.totalCost.executedMultiplyAdds == expected)
    }

    @Test func shapesAndRefusals() throws {
        let layer = try layer(4, 6)
        let x = try Tensor(zeros: [2, 5, 5, 4])
        let shape = try layer(
            Tensor(shapeOnly: [2, 5, 5, 4]), with: [Tensor(shapeOnly: [2, 5])],
            epilogue: Conv2dEpilogue())
        #expect(shape.isShapeOnly && shape.shape == [2, 5, 5, 6])
        for embedding in [[2, 4], [1, 5], [2, 5, 1]] {
            #expect(throws: ProteanError.self) {
                try layer(x, with: [Tensor(zeros: embedding)], epilogue: Conv2dEpilogue())
            }
        }
        #expect(throws: ProteanError.self) { try layer(x, with: [], epilogue: Conv2dEpilogue()) }
        #expect(throws: ProteanError.self) {
            try DeepMoEConv2d(inputChannels: 2, outputChannels: 2, kernelSize: 1, embedding: 0)
        }
    }
}
