import Testing

@testable import Protean

@Suite struct MapMixKernelTests {
    static let maps: [[Int]] = [
        [3, 5, 7, 17], [1, 4, 3, 1], [2, 3, 5, 3], [1, 6, 5, 130], [0, 2, 2, 4], [2, 33, 30, 12],
        [1, 41, 29, 150],
    ]

    private static func reference(_ maps: [Tensor], _ weights: Tensor) -> [Double] {
        let values = maps.map(\.elements), w = weights.elements, shape = maps[0].shape
        let c = shape[3], perSample = shape[1] * shape[2] * c
        return values[0].indices.map { i in
            maps.indices.reduce(0.0) {
                let at = (i / perSample * maps.count + $1) * c + i % c
                return $0 + Double(values[$1][i]) * Double(w[at])
            }
        }
    }

    @Test(arguments: maps, [1, 2, 3, 5, 8])
    func agreesWithDouble(_ shape: [Int], _ count: Int) throws {
        let maps = try (0..<count).map { try MapTest.tensor(shape, seed: UInt64(40 + $0)) }
        let weights = try MapTest.tensor([shape[0], count, shape[3]], seed: 39, range: 1)
        let expected = Self.reference(maps, weights)
        try MapTest.everywhere {
            try Operations.mix(maps: maps, weights: weights)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 4e-6, "\(isa)")
        }
        // The same numbers side by side in one map.
        let wide = try Operations.concatenate(maps, axis: -1)
        try MapTest.everywhere {
            try Operations.mix(partsOf: wide, weights: weights)
        } check: { isa, y in
            let apart = try Runtime.with(isa: isa) {
                try Operations.mix(maps: maps, weights: weights)
            }
            #expect(y.isBitEqual(to: apart), "\(isa)")
        }
    }

    @Test func nanAndInfinityStayInTheirChannel() throws {
        let x = try Tensor([1, .nan, 3, .infinity, 5, 6], shape: [1, 1, 2, 3])
        let y = try Operations.mix(
            maps: [x, x], weights: Tensor([1, 1, 1, 1, 1, -1], shape: [1, 2, 3]))
        let values = y.elements
        #expect(values[0] == 2 && values[1].isNaN && values[2] == 0)
        #expect(values[3] == .infinity && values[4] == 10 && values[5] == 0)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let x = try Tensor(zeros: [2, 3, 4, 6])
        for shape in [[2, 2, 5], [1, 2, 6], [2, 3, 6], [2, 12]] {
            #expect(throws: ProteanError.self) {
                try Operations.mix(maps: [x, x], weights: Tensor(zeros: shape))
            }
        }
        for shape in [[2, 4, 2], [2, 2, 4], [3, 2, 3], [2, 9, 1], [2, 0, 6]] {
            #expect(throws: ProteanError.self) {
                try Operations.mix(partsOf: x, weights: Tensor(zeros: shape))
            }
        }
        let other = try Tensor(zeros: [2, 4, 3, 6])
        #expect(throws: ProteanError.self) {
            try Operations.mix(maps: [x, other], weights: Tensor(zeros: [2, 2, 6]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.mix(maps: [], weights: Tensor(zeros: [2, 0, 6]))
        }
    }
}
