import Foundation
import Testing

@testable import Protean

@Suite struct HyperLSTMTests {
    private static func layer(norm: Bool = true) throws -> HyperLSTM {
        let layer = try HyperLSTM(
            inputSize: 5, units: 17, hyperUnits: 9, embeddingSize: 3, usesLayerNorm: norm)
        for (index, named) in layer.allParameters().enumerated() {
            try named.parameter.set(
                MapTest.tensor(named.parameter.shape, seed: UInt64(index + 1), range: 0.7))
        }
        return layer
    }

    /// One step of one sample in double precision; states are main, then small.
    private static func step(
        _ layer: HyperLSTM, _ x: [Double], _ c: [[Double]], _ h: [[Double]], norm: Bool
    ) throws -> (c: [[Double]], h: [[Double]]) {
        func p(_ name: String) throws -> [Double] {
            try #require(layer.parameter(at: name), "\(name)").value.elements.map(Double.init)
        }
        /// Row times a matrix `[in, out]`.
        func product(_ row: [Double], _ matrix: [Double]) -> [Double] {
            let outputs = matrix.count / row.count
            return (0..<outputs).map { o in
                row.indices.reduce(0.0) { $0 + row[$1] * matrix[$1 * outputs + o] }
            }
        }
        func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }
        func norms(_ gates: String, _ cell: String) throws -> [[Double]]? {
            guard norm else { return nil }
            return try [
                p(gates + ".ln_gamma"), p(gates + ".ln_beta"), p(cell + ".ln_gamma"),
                p(cell + ".ln_beta"),
            ]
        }
        let order = [0, 2, 1, 3]
        let small = LSTMReference.step(
            try sum(
                sum(
                    product(x + h[0], p("LSTMCell.W_xh")), product(h[1], p("LSTMCell.W_hh_i"))),
                p("LSTMCell.bias")), c[1], order: order, forgetBias: 1,
            norms: try norms("LSTMCell.ln", "LSTMCell.ln_c"))
        let (xh, hh, bias) = (
            product(x, try p("W_xh")), product(h[0], try p("W_hh")), try p("bias")
        )
        var gates: [Double] = []
        for (b, q) in ["i", "j", "f", "o"].enumerated() {
            func signal(_ name: String, _ first: String, _ second: String) throws -> [Double] {
                var z = product(small.h, try p("hyper_\(name).\(first).super_linear_w"))
                if first == "zw" { z = sum(z, try p("hyper_\(name).zw.super_linear_b")) }
                return product(z, try p("hyper_\(name).\(second).super_linear_w"))
            }
            let (ax, ah) = (
                try signal(q + "x", "zw", "alpha"), try signal(q + "h", "zw", "alpha")
            )
            let beta = try signal(q + "b", "zb", "beta")
            gates += (0..<17).map {
                let at = b * 17 + $0
                return ax[$0] * xh[at] + ah[$0] * hh[at] + bias[at] + beta[$0]
            }
        }
        let main = LSTMReference.step(
            gates, c[0], order: order, forgetBias: 1, norms: try norms("ln_all", "ln_c"))
        return ([main.c, small.c], [main.h, small.h])
    }

    @Test(arguments: [true, false])
    func stepsAgreeWithLoopsInDouble(norm: Bool) throws {
        let layer = try Self.layer(norm: norm)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                var state = try layer.initialState(for: [1, 5])
                var c = [17, 9].map { [Double](repeating: 0, count: $0) }, h = c
                for time in 0..<3 {
                    let x = try Tensor.random([1, 5], seed: UInt64(time + 1))
                    let y = try layer(x, state: &state)
                    (c, h) = try Self.step(layer, x.elements.map(Double.init), c, h, norm: norm)
                    MapTest.expect(y, shape: [1, 17], h[0], tolerance: 2e-5, "\(isa)")
                    MapTest.expect(state.main.cell, shape: [1, 17], c[0], tolerance: 2e-5)
                    MapTest.expect(state.hyper.hidden, shape: [1, 9], h[1], tolerance: 2e-5)
                    MapTest.expect(state.hyper.cell, shape: [1, 9], c[1], tolerance: 2e-5)
                }
            }
        }
    }

    @Test func samplesAndThreadsDoNotMatter() throws {
        let layer = try Self.layer(), x = try Tensor.random([3, 5])
        try MapTest.everywhere {
            var state = try layer.initialState(for: x.shape)
            return try layer(x, state: &state)
        } check: { _, y in
            var state = try layer.initialState(for: [1, 5])
            let alone = try layer(x.slice([AxisSlice(1..<2)]), state: &state)
            let row = try y.slice([AxisSlice(1..<2)])
            #expect(try alone.maximumDifference(from: row) < 1e-5)
        }
    }

    @Test func aNewLayerScalesByATenth() throws {
        let layer = try HyperLSTM(inputSize: 2, units: 3, usesLayerNorm: false)
        let names = layer.allParameters().map(\.name)
        #expect(names.count == 3 + 3 + 8 * 3 + 4 * 2)
        #expect(names.contains("hyper_fh.zw.super_linear_b"))
        #expect(names.contains("LSTMCell.W_hh_i"))
        var state = try layer.initialState(for: [1, 2])
        let x = try Tensor([1, -2], shape: [1, 2]), y = try layer(x, state: &state)
        let w = layer.parameters[0].parameter.value.elements
        let gates = (0..<12).map { 0.1 * (Double(w[$0]) - 2 * Double(w[12 + $0])) }
        let step = LSTMReference.step(
            gates, [0, 0, 0], order: [0, 2, 1, 3], forgetBias: 1)
        MapTest.expect(y, shape: [1, 3], step.h, tolerance: 1e-5)
    }

    @Test func wrongShapesAreRefusedAndShapesPass() throws {
        let layer = try Self.layer()
        var state = try layer.initialState(for: [2, 5])
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 5]), state: &state) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [2, 4]), state: &state) }
        for sizes in [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)] {
            #expect(throws: ProteanError.self) {
                try HyperLSTM(
                    inputSize: sizes.0, units: sizes.1, hyperUnits: sizes.2,
                    embeddingSize: sizes.3)
            }
        }
        #expect(throws: ProteanError.self) {
            try HyperLSTM(inputSize: 1, units: 1, forgetBias: .nan)
        }
        #expect(try layer(Tensor(shapeOnly: [2, 5]), state: &state).isShapeOnly)
        state = try layer.initialState(for: [0, 5])
        #expect(try layer(Tensor(zeros: [0, 5]), state: &state).shape == [0, 17])
        let trace = Trace()
        let start = try layer.initialState(for: [2, 5])
        _ = trace.recording {
            Result { () throws(ProteanError) in
                var state = start
                return try layer(Tensor(zeros: [2, 5]), state: &state)
            }
        }
        #expect(
            trace.totalCost.multiplyAdds
                == 2 * (68 * 22 + 36 * (5 + 17 + 9) + 36 * (9 + 17)))
    }
}
