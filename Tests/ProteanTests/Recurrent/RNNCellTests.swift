import Testing

@testable import Protean

@Suite struct RNNCellTests {
    @Test func agreesWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/rnn_cell.safetensors")
        let cell = try RNNCell(inputSize: 7, hiddenSize: 17)
        try golden.load(into: cell)
        try MapTest.everywhere {
            var state = try golden.input("h")
            return try cell(golden.input("x"), state: &state)
        } check: { isa, found in
            LSTMTests.expect(found, try golden.output("y"), "\(isa)")
        }
        let relu = try RecurrentGolden("apply/rnn_cell_relu.safetensors")
        let other = try RNNCell(inputSize: 3, hiddenSize: 33, bias: false, nonlinearity: .relu)
        try relu.load(into: other)
        var state = try other.initialState(for: [1, 3])
        LSTMTests.expect(try other(relu.input("x"), state: &state), try relu.output("y"), "relu")
    }

    @Test func refusalsShapesAndCost() throws {
        let cell = try RNNCell(inputSize: 2, hiddenSize: 3)
        var state = try cell.initialState(for: [2, 2])
        #expect(throws: ProteanError.self) { try cell(Tensor(zeros: [1, 2]), state: &state) }
        #expect(throws: ProteanError.self) { try RNNCell(inputSize: 1, hiddenSize: 0) }
        let trace = Trace()
        let start = state
        _ = try trace.recording {
            var state = start
            return try cell(Tensor(shapeOnly: [2, 2]), state: &state)
        }
        #expect(trace.totalCost.multiplyAdds == 2 * 3 * 5)
    }
}
