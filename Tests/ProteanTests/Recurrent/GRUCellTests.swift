import Foundation
import Testing

@testable import Protean

@Suite struct GRUCellTests {
    /// A step's element-wise part in double precision.
    static func step(_ x: [Double], _ g: [Double], _ h: [Double]) -> [Double] {
        let n = h.count
        func sigmoid(_ v: Double) -> Double { 1 / (1 + exp(-v)) }
        return (0..<n).map { u in
            let reset = sigmoid(x[u] + g[u]), keep = sigmoid(x[n + u] + g[n + u])
            let value = tanh(x[2 * n + u] + reset * g[2 * n + u])
            return (1 - keep) * value + keep * h[u]
        }
    }

    @Test(arguments: [1, 3, 7, 17, 33, 600], [0, 1, 3])
    func theFusedPassAgreesWithLoopsInDouble(units: Int, batch: Int) throws {
        let x = try MapTest.tensor([batch, 3 * units], seed: 1)
        let g = try MapTest.tensor([batch, 3 * units], seed: 2)
        let h = try MapTest.tensor([batch, units], seed: 3)
        let rows = [x, g, h].map { $0.elements.map(Double.init) }
        var expected: [Double] = []
        for s in 0..<batch {
            expected += Self.step(
                Array(rows[0][s * 3 * units..<(s + 1) * 3 * units]),
                Array(rows[1][s * 3 * units..<(s + 1) * 3 * units]),
                Array(rows[2][s * units..<(s + 1) * units]))
        }
        try MapTest.everywhere {
            try Operations.gruCell(inputGates: x, hiddenGates: g, hidden: h)
        } check: { isa, found in
            MapTest.expect(
                found, shape: [batch, units], expected, tolerance: 4e-6, "\(isa) \(units)")
        }
    }

    @Test func agreesWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/gru_cell.safetensors")
        let cell = try GRUCell(inputSize: 7, hiddenSize: 17)
        try golden.load(into: cell)
        var state = try golden.input("h")
        LSTMTests.expect(
            try cell(golden.input("x"), state: &state), try golden.output("y"), "GRUCell")
        let start = try RecurrentGolden("apply/gru_cell_start.safetensors")
        let other = try GRUCell(inputSize: 3, hiddenSize: 33, bias: false)
        try start.load(into: other)
        state = try other.initialState(for: [1, 3])
        LSTMTests.expect(try other(start.input("x"), state: &state), try start.output("y"), "")
    }

    @Test func refusalsShapesAndCost() throws {
        let cell = try GRUCell(inputSize: 2, hiddenSize: 3)
        #expect(throws: ProteanError.self) { try cell.initialState(for: [1, 3]) }
        var state = try Tensor(zeros: [2, 3])
        #expect(throws: ProteanError.self) { try cell(Tensor(zeros: [1, 2]), state: &state) }
        #expect(throws: ProteanError.self) {
            try Operations.gruCell(
                inputGates: Tensor(zeros: [2, 9]), hiddenGates: Tensor(zeros: [2, 8]),
                hidden: state)
        }
        #expect(throws: ProteanError.self) { try GRUCell(inputSize: 0, hiddenSize: 3) }
        let trace = Trace()
        let start = state
        let shape = try trace.recording {
            var state = start
            return try cell(Tensor(shapeOnly: [2, 2]), state: &state).shape
        }
        #expect(shape == [2, 3] && trace.totalCost.multiplyAdds == 2 * 9 * 5)
        let y = try cell(Tensor([.nan, 0, 1, 1], shape: [2, 2]), state: &state).elements
        #expect(y[..<3].allSatisfy { $0.isNaN } && y[3...].allSatisfy { $0.isFinite })
    }
}
