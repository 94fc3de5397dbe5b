import Testing

@testable import Protean

@Suite struct ElementwiseKernelTests {
    /// Broadcasting by the general rule, element by element.
    static func reference(
        _ a: Tensor, _ b: Tensor, _ shape: [Int], _ op: (Double, Double) -> Double
    ) -> [Double] {
        func offsets(_ t: Tensor) -> [Int] {
            let own = [Int](repeating: 1, count: shape.count - t.rank) + t.shape
            var offsets = [0]
            for (size, mine) in zip(shape, own) {
                offsets = offsets.flatMap { base in
                    (0..<size).map { base * mine + (mine == 1 ? 0 : $0) }
                }
            }
            return offsets
        }
        let x = a.elements, y = b.elements
        return zip(offsets(a), offsets(b)).map { op(Double(x[$0]), Double(y[$1])) }
    }

    static let pairs: [([Int], [Int])] = [
        ([3, 5, 7, 17], [3, 5, 7, 17]), ([3, 5, 7, 17], [17]), ([3, 5, 7, 17], [3, 1, 1, 17]),
        ([3, 5, 7, 17], [3, 5, 7, 1]), ([3, 5, 7, 17], [1]), ([3, 5, 7, 17], []),
        ([3, 5, 7, 17], [1, 1, 1, 17]), ([3, 5, 7, 17], [3, 1, 1, 1]), ([3, 5, 7, 3], [5, 7, 3]),
        ([3, 5, 7, 1], [3, 1, 1, 1]), ([2, 40, 30, 3], [2, 40, 30, 1]),
        ([2, 40, 30, 3], [2, 1, 1, 3]),
        ([1, 50, 9, 130], [130]), ([1, 50, 9, 130], [1, 50, 9, 1]), ([40_001], [40_001]),
        ([40_001], [1]), ([0, 4, 4, 3], [3]), ([4, 0], [4, 1]), ([6, 5], [6, 1]),
        ([6, 1, 5], [6, 1, 1]),
        ([2, 3, 70], [2, 3, 1]),
    ]

    @Test(arguments: pairs) func arithmetic(_ full: [Int], _ part: [Int]) throws {
        let a = try MapTest.tensor(full, seed: 91), b = try MapTest.tensor(part, seed: 92)
        for (name, op, run) in Self.operations {
            let forward = Self.reference(a, b, full, op)
            try MapTest.everywhere {
                try run(a, b)
            } check: { isa, y in
                MapTest.expect(y, shape: full, forward, "\(name) \(isa)")
            }
            let backward = Self.reference(b, a, full, op)
            let y = try run(b, a)
            MapTest.expect(y, shape: full, backward, "\(name) swapped")
        }
    }

    static let operations:
        [(
            String, @Sendable (Double, Double) -> Double,
            @Sendable (Tensor, Tensor) throws -> Tensor
        )] = [
            ("add", { $0 + $1 }, { try Operations.add($0, $1) }),
            ("subtract", { $0 - $1 }, { try Operations.subtract($0, $1) }),
            ("multiply", { $0 * $1 }, { try Operations.multiply($0, $1) }),
        ]

    @Test(arguments: [[17], [3, 1, 1, 17], [3, 5, 7, 1], [3, 5, 7, 17]])
    func activationComesLast(_ part: [Int]) throws {
        let a = try MapTest.tensor([3, 5, 7, 17], seed: 93), b = try MapTest.tensor(part, seed: 94)
        let expected = Self.reference(a, b, a.shape) { min(max($0 + $1, 0), 6) }
        try MapTest.everywhere {
            try Operations.add(a, b, activation: .relu6)
        } check: { isa, y in
            MapTest.expect(y, shape: a.shape, expected, "\(isa)")
        }
    }

    @Test(arguments: [
        ([2, 3, 4, 5], [2, 3]), ([2, 3, 4, 5], [4]), ([2, 3, 4, 5], [2, 5]), ([2], [3]),
    ])
    func otherShapesAreRefused(_ a: [Int], _ b: [Int]) throws {
        let x = try Tensor(zeros: a), y = try Tensor(zeros: b)
        #expect(throws: ProteanError.self) { try Operations.add(x, y) }
        #expect(throws: ProteanError.self) { try Operations.multiply(y, x) }
    }

    static let maps: [[Int]] = [
        [3, 5, 7, 17], [1, 9, 4, 1], [2, 3, 5, 3], [1, 6, 5, 33], [0, 2, 2, 4], [3, 4, 3, 130],
        [1, 1, 1, 7], [2, 0, 3, 4], [2, 37, 20, 16], [1, 2, 3, 128],
    ]

    @Test(arguments: maps) func scaleAndShift(_ shape: [Int]) throws {
        let c = shape[3]
        let x = try MapTest.tensor(shape, seed: 95), scale = try MapTest.tensor([c], seed: 96)
        let shift = try MapTest.tensor([c], seed: 97)
        let (a, s, t) = (x.elements, scale.elements, shift.elements)
        let expected = a.indices.map { i in
            max(0, Double(a[i]) * Double(s[i % c]) + Double(t[i % c]))
        }
        try MapTest.everywhere {
            try Operations.scaleShift(x, scale: scale, shift: shift, activation: .relu)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
        }
        #expect(throws: ProteanError.self) {
            try Operations.scaleShift(x, scale: Tensor(zeros: [c + 1]), shift: shift)
        }
    }

    @Test(arguments: maps) func channelGates(_ shape: [Int]) throws {
        let (n, c) = (shape[0], shape[3]), pixels = shape[1] * shape[2]
        let x = try MapTest.tensor(shape, seed: 98), gate = try MapTest.tensor([n, c], seed: 99)
        let residual = try MapTest.tensor(shape, seed: 100)
        let (a, g, r) = (x.elements, gate.elements, residual.elements)
        let plain = a.indices.map { Double(a[$0]) * Double(g[$0 / (pixels * c) * c + $0 % c]) }
        try MapTest.everywhere {
            try Operations.scaleChannels(x, by: gate)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, plain, "\(isa)")
        }
        let fused = a.indices.map { min(max(plain[$0] + Double(r[$0]), 0), 6) }
        try MapTest.everywhere {
            try Operations.scaleChannels(
                x, by: gate.reshaped(to: [n, 1, 1, c]), residual: residual, activation: .relu6)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, fused, tolerance: 2e-6, "\(isa)")
        }
        #expect(throws: ProteanError.self) {
            try Operations.scaleChannels(x, by: Tensor(zeros: [n, c + 1]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.scaleChannels(x, by: gate, residual: Tensor(zeros: [1]))
        }
    }

    @Test func shapesTravelWithoutValues() throws {
        let x = try Tensor(shapeOnly: [2, 3, 4, 5])
        #expect(try Operations.add(x, Tensor(zeros: [5])).isShapeOnly)
        #expect(try Operations.multiply(Tensor(zeros: [2, 1, 1, 5]), x).shape == [2, 3, 4, 5])
        #expect(try Operations.scaleChannels(x, by: Tensor(shapeOnly: [2, 5])).isShapeOnly)
    }
}
