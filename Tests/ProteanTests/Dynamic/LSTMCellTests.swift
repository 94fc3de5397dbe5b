import Foundation
import Testing

@testable import Protean

/// An LSTM step in double precision.
enum LSTMReference {
    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    static func norm(_ x: [Double], _ scale: [Double], _ shift: [Double], _ epsilon: Double)
        -> [Double]
    {
        let mean = x.reduce(0, +) / Double(x.count)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
        return x.indices.map {
            (x[$0] - mean) / (variance + epsilon).squareRoot() * scale[$0] + shift[$0]
        }
    }

    /// h' and c' of one sample; `order` gives the places of i, f, g, o. `norms`: scale and shift of
    /// gates, then of the cell.
    static func step(
        _ gates: [Double], _ c: [Double], order: [Int] = [0, 1, 2, 3], forgetBias: Double = 0,
        norms: [[Double]]? = nil
    ) -> (h: [Double], c: [Double]) {
        let n = c.count
        var blocks = (0..<4).map { Array(gates[$0 * n..<($0 + 1) * n]) }
        if let norms {
            blocks = blocks.indices.map { b in
                norm(
                    blocks[b], Array(norms[0][b * n..<(b + 1) * n]),
                    Array(norms[1][b * n..<(b + 1) * n]), 1e-3)
            }
        }
        let next = (0..<n).map { u in
            sigmoid(blocks[order[1]][u] + forgetBias) * c[u]
                + sigmoid(blocks[order[0]][u]) * tanh(blocks[order[2]][u])
        }
        let inner = norms.map { norm(next, $0[2], $0[3], 1e-3) } ?? next
        return ((0..<n).map { sigmoid(blocks[order[3]][$0]) * tanh(inner[$0]) }, next)
    }
}

@Suite struct LSTMCellTests {
    @Test(arguments: [1, 3, 7, 17, 33, 600], [0, 1, 3])
    func theFusedPassAgreesWithLoopsInDouble(units: Int, batch: Int) throws {
        let gates = try MapTest.tensor([batch, 4 * units], seed: 1)
        let cell = try MapTest.tensor([batch, units], seed: 2)
        let norm = LSTMNorm(
            gateScale: try MapTest.tensor([4 * units], seed: 3),
            gateShift: try MapTest.tensor([4 * units], seed: 4),
            cellScale: try MapTest.tensor([units], seed: 5),
            cellShift: try MapTest.tensor([units], seed: 6))
        let norms = norm.tensors.map { $0.elements.map(Double.init) }
        let (g, c) = (gates.elements.map(Double.init), cell.elements.map(Double.init))
        for order in LSTMGateOrder.allCases {
            for isNormed in [false, true] where !isNormed || units > 1 {
                var (h, next): ([Double], [Double]) = ([], [])
                for s in 0..<batch {
                    let step = LSTMReference.step(
                        Array(g[s * 4 * units..<(s + 1) * 4 * units]),
                        Array(c[s * units..<(s + 1) * units]),
                        order: order == .inputForgetCellOutput ? [0, 1, 2, 3] : [0, 2, 1, 3],
                        forgetBias: 0.5, norms: isNormed ? norms : nil)
                    h += step.h
                    next += step.c
                }
                for kept in [false, true] {
                    try MapTest.everywhere {
                        let made = try Operations.lstmCell(
                            gates: gates, cell: cell, order: order, forgetBias: 0.5,
                            norm: isNormed ? norm : nil)
                        return kept ? made.cell : made.hidden
                    } check: { isa, found in
                        MapTest.expect(
                            found, shape: [batch, units], kept ? next : h, tolerance: 4e-6,
                            "\(isa) \(order) \(isNormed)")
                    }
                }
            }
        }
    }

    @Test(arguments: [(1, 3), (7, 17), (33, 40)])
    func stepsAgreeWithLoopsInDouble(inputs: Int, units: Int) throws {
        let layer = try LSTMCell(inputSize: inputs, hiddenSize: units, seed: 3)
        let p = layer.parameters.map { $0.parameter.value.elements.map(Double.init) }
        var state = try layer.initialState(for: [2, inputs])
        var (h, c) = (
            [[Double]](repeating: [Double](repeating: 0, count: units), count: 2),
            [[Double]](repeating: [Double](repeating: 0, count: units), count: 2)
        )
        for time in 0..<3 {
            let x = try Tensor.random([2, inputs], seed: UInt64(time + 1))
            let y = try layer(x, state: &state)
            for s in 0..<2 {
                let row = (0..<inputs).map { Double(x.elements[s * inputs + $0]) }
                var gates: [Double] = []
                for g in 0..<4 * units {
                    var sum = p[2][g] + p[3][g]
                    for i in 0..<inputs { sum += p[0][g * inputs + i] * row[i] }
                    for u in 0..<units { sum += p[1][g * units + u] * h[s][u] }
                    gates.append(sum)
                }
                let step = LSTMReference.step(gates, c[s])
                h[s] = step.h
                c[s] = step.c
            }
            MapTest.expect(y, shape: [2, units], h.flatMap { $0 }, tolerance: 1e-5)
            MapTest.expect(state.cell, shape: [2, units], c.flatMap { $0 }, tolerance: 1e-5)
        }
    }

    @Test func aChangedWeightIsUsed() throws {
        let layer = try LSTMCell(inputSize: 2, hiddenSize: 3)
        var state = try layer.initialState(for: [1, 2])
        let x = try Tensor.random([1, 2])
        _ = try layer(x, state: &state)
        for named in layer.parameters {
            try named.parameter.set(Tensor(zeros: named.parameter.shape))
        }
        state = try layer.initialState(for: [1, 2])
        #expect(try layer(x, state: &state).elements == [0, 0, 0])
    }

    @Test func wrongShapesAreRefused() throws {
        let layer = try LSTMCell(inputSize: 2, hiddenSize: 3, bias: false)
        #expect(layer.parameters.map(\.name) == ["weight_ih", "weight_hh"])
        var state = try layer.initialState(for: [2, 2])
        #expect(throws: ProteanError.self) { try layer.initialState(for: [2, 3]) }
        #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: [1, 2]), state: &state)
        }
        #expect(throws: ProteanError.self) {
            try Operations.lstmCell(gates: Tensor(zeros: [2, 8]), cell: Tensor(zeros: [2, 3]))
        }
        for sizes in [(0, 1), (1, 0)] {
            #expect(throws: ProteanError.self) {
                try LSTMCell(inputSize: sizes.0, hiddenSize: sizes.1)
            }
        }
    }

    @Test func shapesEmptyBatchesNaNAndCost() throws {
        let layer = try LSTMCell(inputSize: 2, hiddenSize: 3)
        var state = try layer.initialState(for: [0, 2])
        #expect(try layer(Tensor(zeros: [0, 2]), state: &state).shape == [0, 3])
        let trace = Trace()
        state = try layer.initialState(for: [2, 2])
        let start = state
        let outcome = trace.recording {
            Result { () throws(ProteanError) in
                var state = start
                return try layer(Tensor(shapeOnly: [2, 2]), state: &state)
            }
        }
        #expect(try outcome.get().isShapeOnly)
        #expect(trace.events.count == 1)
        #expect(trace.totalCost.multiplyAdds == 2 * 12 * 5)
        let y = try layer(Tensor([.nan, 0, 1, 1], shape: [2, 2]), state: &state).elements
        #expect(y[..<3].allSatisfy { $0.isNaN } && y[3...].allSatisfy { $0.isFinite })
    }
}
