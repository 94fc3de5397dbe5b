import Synchronization
import Testing

@testable import Protean

/// A layer that counts its calls and the rows of each.
final class CountingLayer: Layer {
    private let layer: any Layer
    private let seen = Mutex<[Int]>([])

    init(_ layer: any Layer) { self.layer = layer }

    var submodules: [NamedModule] { layer.submodules }
    var parameters: [NamedParameter] { layer.parameters }
    /// The rows of each call on values, in order.
    var calls: [Int] { seen.withLock { $0 } }
    var rows: Int { calls.reduce(0, +) }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        if !x.isShapeOnly { seen.withLock { $0.append(x.shape.first ?? 0) } }
        return try layer(x)
    }
}

/// Scores that a test gives, by the number of the row in the outermost batch.
struct GivenScores: DecisionGate {
    let scores: [[Float]]

    func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        let width = scores.first?.count ?? 1
        if x.isShapeOnly { return try Tensor(shapeOnly: [x.shape[0], width]) }
        let rows = RowScope.origin(batch: x.shape[0]).rows
        return try Tensor(rows.flatMap { scores[$0] }, shape: [rows.count, width])
    }
}

extension Tensor {
    /// Rows of the first axis, in any order.
    func rows(_ rows: [Int]) throws -> Tensor {
        try Operations.indexSelect(self, axis: 0, indices: rows)
    }
}

/// Demands that every row of a batch gets the bits that it gets alone, in any order, on every
/// instruction set and with every number of threads, and that batches of 0 and 1 work.
func expectRowsAlone(
    _ layer: any Layer, _ x: Tensor, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let batch = x.shape[0], order = Array((0..<batch).reversed())
    try MapTest.everywhere({ try layer(x) }) { isa, y in
        try Runtime.with(isa: isa, threads: 2) {
            for row in 0..<batch {
                let own = try x.rows([row]), wanted = try y.rows([row])
                let alone = try layer(own)
                #expect(
                    MapTest.sameBits(alone, wanted), "\(isa), row \(row)",
                    sourceLocation: sourceLocation)
            }
            let turned = try layer(try x.rows(order)), wanted = try y.rows(order)
            #expect(MapTest.sameBits(turned, wanted), "\(isa)", sourceLocation: sourceLocation)
        }
        let none = try layer(try x.rows([]))
        #expect(none.shape == [0] + y.shape.dropFirst(), sourceLocation: sourceLocation)
        let planned = try layer(try Tensor(shapeOnly: x.shape))
        #expect(planned.shape == y.shape, sourceLocation: sourceLocation)
    }
}
