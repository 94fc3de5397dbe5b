import Foundation
import Testing

@testable import Protean

@Suite struct BroadcastTests {
    typealias Binary = @Sendable (Tensor, Tensor) throws -> Tensor
    typealias Formula = @Sendable (Double, Double) -> Double

    static let operations: [(String, Binary, Formula)] = [
        ("add", { try $0 + $1 }, { $0 + $1 }),
        ("subtract", { try $0 - $1 }, { $0 - $1 }),
        ("multiply", { try $0 * $1 }, { $0 * $1 }),
        ("divide", { try $0 / $1 }, { $0 / $1 }),
        ("power", { try $0.absolute().power($1) }, { pow(Swift.abs($0), $1) }),
        ("minimum", { try $0.minimum($1) }, { Swift.min($0, $1) }),
        ("maximum", { try $0.maximum($1) }, { Swift.max($0, $1) }),
        ("equal", { try $0.round() .== $1.round() }, { rounded($0) == rounded($1) ? 1 : 0 }),
        ("notEqual", { try $0.round() .!= $1.round() }, { rounded($0) != rounded($1) ? 1 : 0 }),
        ("less", { try $0 .< $1 }, { $0 < $1 ? 1 : 0 }),
        ("lessEqual", { try $0.round() .<= $1.round() }, { rounded($0) <= rounded($1) ? 1 : 0 }),
        ("greater", { try $0 .> $1 }, { $0 > $1 ? 1 : 0 }),
        ("greaterEqual", { try $0.round() .>= $1.round() }, { rounded($0) >= rounded($1) ? 1 : 0 }),
    ]

    private static func rounded(_ x: Double) -> Double { x.rounded(.toNearestOrEven) }

    @Test(arguments: 0..<90) func randomShapes(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 1)
        let whole = choices.shape(choices.next(6))
        guard whole.reduce(1, *) < 20_000 else { return }
        let a = try MapTest.tensor(choices.part(whole), seed: UInt64(seed) + 7)
        let b = try MapTest.tensor(choices.part(whole), seed: UInt64(seed) + 8)
        let shape = try #require(TensorReference.broadcastShape(a.shape, b.shape))
        for index in 0..<3 {
            let (name, run, formula) = Self.operations[(3 * seed + index) % Self.operations.count]
            let expected = TensorReference.combine(a, b, shape, formula)
            try MapTest.everywhere {
                try run(a, b)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, "\(name) \(a.shape) \(b.shape) \(isa)")
            }
            let shapes = try run(Tensor(shapeOnly: a.shape), Tensor(shapeOnly: b.shape))
            #expect(shapes.isShapeOnly && shapes.shape == shape)
        }
    }

    /// Large enough to be shared among threads: rows that are long, short, repeated and single.
    @Test(arguments: [
        ([2, 30, 50, 17], [2, 1, 50, 1]), ([1, 40, 1, 96], [4, 1, 50, 1]), ([20_001, 3], [3]),
        ([20_001, 3], [20_001, 1]), ([200, 1], [1, 301]), ([9000, 1, 2], [1, 3, 1]),
    ])
    func largeShapes(_ left: [Int], _ right: [Int]) throws {
        let a = try MapTest.tensor(left, seed: 3), b = try MapTest.tensor(right, seed: 4)
        let shape = try #require(TensorReference.broadcastShape(left, right))
        let quotients = TensorReference.combine(a, b, shape) { $0 / $1 }
        try MapTest.everywhere {
            try a / b
        } check: { isa, y in
            MapTest.expect(y, shape: shape, quotients, "\(isa)")
        }
        let differences = TensorReference.combine(a, b, shape) {
            Swift.min(Swift.max($0 - $1, 0), 6)
        }
        try MapTest.everywhere {
            try Operations.subtract(a, b, activation: .relu6)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, differences, "\(isa)")
        }
    }

    @Test(arguments: 0..<60) func selection(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 1000)
        let whole = choices.shape(choices.next(5))
        guard whole.reduce(1, *) < 20_000 else { return }
        let parts = (0..<3).map { _ in choices.part(whole) }
        let c = try MapTest.tensor(parts[0], seed: 5) .> 0
        let a = try MapTest.tensor(parts[1], seed: 6), b = try MapTest.tensor(parts[2], seed: 7)
        let chosen = try #require(TensorReference.broadcastShape(a.shape, b.shape))
        let shape = try #require(TensorReference.broadcastShape(c.shape, chosen))
        let (conditions, x, y) = (c.elements, a.elements, b.elements)
        let expected = TensorReference.positions(shape).map { position in
            conditions[TensorReference.offset(position, in: c.shape)] != 0
                ? Double(x[TensorReference.offset(position, in: a.shape)])
                : Double(y[TensorReference.offset(position, in: b.shape)])
        }
        try MapTest.everywhere {
            try Operations.where(c, a, b)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 0, "\(parts) \(isa)")
        }
        let shapes = try Operations.where(c, Tensor(shapeOnly: a.shape), b)
        #expect(shapes.isShapeOnly && shapes.shape == shape)
    }

    @Test func numbersOnEitherSide() throws {
        let x = try Tensor([1, 2, 4], shape: [3])
        #expect(try (x + 1).elements == [2, 3, 5])
        #expect(try (1 - x).elements == [0, -1, -3])
        #expect(try (2 * x - 1).elements == [1, 3, 7])
        #expect(try (x / 2).elements == [0.5, 1, 2])
        #expect(try (8 / x).elements == [8, 4, 2])
        #expect(try (x .>= 2).elements == [0, 1, 1])
        #expect(try x.power(2).elements == [1, 4, 16])
        #expect(try x.power(0.5).elements == [1, Float(2).squareRoot(), 2])
        #expect(try (Tensor(shapeOnly: [3]) + 1).isShapeOnly)
    }

    @Test func powersOfSpecialValuesAreCs() throws {
        let values: [Float] = [
            0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, 1.5, .infinity, -.infinity, .nan,
            .leastNonzeroMagnitude, -Float.leastNonzeroMagnitude,
            3.4e38, 8_388_609, -8_388_609, 16_777_216,
        ]
        let x = try Tensor(values, shape: [values.count])
        let expected = values.flatMap { a in values.map { powf(a, $0) } }
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try x.expandedDimensions(axis: 1).power(x) }
            for (found, wanted) in zip(y.elements, expected) {
                let same = found == wanted && found.sign == wanted.sign
                #expect(same || (found.isNaN && wanted.isNaN), "\(isa): \(found), \(wanted)")
            }
        }
    }

    @Test func refusals() throws {
        let a = try Tensor(zeros: [2, 3]), b = try Tensor(zeros: [2, 4])
        for (name, run, _) in Self.operations where name != "power" {
            let error = #expect(throws: ProteanError.self) { try run(a, b) }
            guard case .shapeMismatch(let layer, "b", let expected, [2, 4])? = error else {
                Issue.record("\(name): \(String(describing: error))")
                continue
            }
            #expect(layer == name && expected.contains("[2, 3]"))
        }
        #expect(throws: ProteanError.self) { try Operations.where(b, a, a) }
        let deep = try Tensor(zeros: [1, 1, 1, 1, 1, 1, 1, 1, 2])
        #expect(throws: ProteanError.self) { try Operations.divide(deep, Tensor(zeros: [3, 1])) }
        // Equal shapes need no axes.
        #expect(try Operations.divide(deep, deep).rank == 9)
        #expect(throws: ProteanError.self) { try a.broadcast(to: [3, 3]) }
        #expect(throws: ProteanError.self) {
            try Tensor(shapeOnly: [1 << 40, 1]) + Tensor(shapeOnly: [1, 1 << 40])
        }
    }
}
