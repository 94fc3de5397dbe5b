import Testing

@testable import Protean

/// The gate against loops over cells.
@Suite struct DGNetSpatialGateTests {
    @Test(arguments: [
        (8, 1, [2, 17, 30, 5], true), (3, 2, [3, 13, 18, 6], false), (1, 1, [1, 5, 7, 4], true),
    ])
    func agreesWithDoubleLoopsEverywhere(
        _ cell: Int, _ stride: Int, _ shape: [Int], _ bias: Bool
    ) throws {
        let gate = try DGNetSpatialGate(
            channels: shape[3], cellSize: cell, stride: stride, bias: bias)
        try gate.randomise()
        #expect(
            gate.allParameters().map(\.name)
                == (bias ? ["atten_s.weight", "atten_s.bias"] : ["atten_s.weight"]))
        let x = try Tensor.random(shape)
        let (h, w) = ((shape[1] + stride - 1) / stride, (shape[2] + stride - 1) / stride)
        let (rows, columns) = ((h + cell - 1) / cell, (w + cell - 1) / cell)
        let keep = try Self.reference(gate, x, rows, columns)
        let expected = CellMeans.spread(keep, rows, columns, to: [shape[0], h, w])
        try MapTest.masksEverywhere {
            try gate(x)
        } check: { isa, mask in
            #expect(mask.size == Size2d(height: h, width: w))
            let flags = try mask.flags()
            #expect(flags == expected, "\(isa)")
        }
        #expect(Set(expected).count == 2)
    }

    /// Whether each cell is on, in double precision.
    private static func reference(
        _ gate: DGNetSpatialGate, _ x: Tensor, _ rows: Int, _ columns: Int
    ) throws -> [Bool] {
        let weights = try #require(gate.parameter(at: "atten_s.weight")).value.elements
        let offset = gate.parameter(at: "atten_s.bias")?.value.elements[0] ?? 0
        let cells = CellMeans.of(x, rows, columns), channels = x.shape[3]
        return cells.indices.map { index -> Bool in
            let (sample, i, j) = (index / (rows * columns), index / columns % rows, index % columns)
            var sum = Double(offset)
            for tap in 0..<9 {
                let (y, x) = (i + tap / 3 - 1, j + tap % 3 - 1)
                guard (0..<rows).contains(y), (0..<columns).contains(x) else { continue }
                let values = cells[(sample * rows + y) * columns + x]
                for k in 0..<channels { sum += values[k] * Double(weights[k * 9 + tap]) }
            }
            return sum >= 0
        }
    }

    @Test func emptyBatchesGiveEmptyMasks() throws {
        let mask = try DGNetSpatialGate(channels: 3, cellSize: 2)(Tensor(zeros: [0, 5, 6, 3]))
        #expect(mask.batch == 0 && mask.size == Size2d(height: 5, width: 6) && mask.count == 0)
    }

    /// A score of 0 is on; one that is not a number is off.
    @Test func edgesOfTheDecision() throws {
        let gate = try DGNetSpatialGate(channels: 1, cellSize: 1)
        for named in gate.allParameters() {
            try named.parameter.set(Tensor(zeros: named.parameter.shape))
        }
        #expect(try gate(.random([1, 4, 5, 1])).density == 1)
        let x = try Tensor(repeating: .nan, shape: [1, 4, 5, 1])
        #expect(try gate(x).count == 0)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "cellSize") { _ = try DGNetSpatialGate(channels: 4, cellSize: 0) }
        expectRefusal(of: "stride") { _ = try DGNetSpatialGate(channels: 4, stride: -1) }
        let gate = try DGNetSpatialGate(channels: 4)
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [1, 9, 9, 3])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [9, 9, 4])) }
        #expect(throws: ProteanError.self) { try gate(Tensor(shapeOnly: [1, 9, 9, 4])) }
    }
}
