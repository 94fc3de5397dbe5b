import Testing

@testable import Protean

@Suite struct RegionGatherTests {
    private static func locations(_ pairs: [(Float, Float)]) throws -> Tensor {
        try Tensor(pairs.flatMap { [$0.0, $0.1] }, shape: [pairs.count, 2])
    }

    private static func corners(_ places: [CropPlace]) -> [[Int]] {
        places.map { [$0.sample, $0.row, $0.column] }
    }

    @Test func fractionsAreRoundedDown() throws {
        let gather = try RegionGather(size: Size2d(height: 4, width: 3))
        let places = try gather.places(
            Self.locations([(0, 1), (0.5, 0.24), (0.999, 0.26), (1.3, -0.2)]),
            in: [4, 11, 7, 2])
        #expect(Self.corners(places) == [[0, 0, 4], [1, 3, 0], [2, 6, 1], [3, 9, -1]])
    }

    @Test func centresAreRoundedTowardsZero() throws {
        let gather = try RegionGather(size: 8, placement: .centres)
        let places = try gather.places(
            Self.locations([(0, 0), (-1, 1), (0.3, -0.3), (-1.05, 0.999_999_9)]),
            in: [4, 28, 28, 1])
        #expect(
            Self.corners(places) == [[0, 10, 10], [1, 24, -4], [2, 5, 14], [3, 23, -4]])
    }

    @Test func whatIsNotANumberLiesOutside() throws {
        let pairs: [(Float, Float)] = [(.nan, 0), (0, .infinity), (-.infinity, 0), (1e30, -1e30)]
        let x = try Tensor(repeating: 1, shape: [4, 6, 5, 3])
        for placement in RegionGather.Placement.allCases {
            let gather = try RegionGather(size: 4, placement: placement)
            let y = try gather(x, locations: Self.locations(pairs))
            #expect(y.shape == [4, 4, 4, 3])
            #expect(y.elements.allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: [0, 1, 3, 7]) func severalRegionsPerRow(batch: Int) throws {
        let x = try MapTest.tensor([batch, 9, 7, 3])
        let places = try MapTest.tensor([batch, 2, 2], seed: 5, range: 1.2)
        let gather = try RegionGather(size: Size2d(height: 3, width: 5), placement: .centres)
        let corners = try gather.places(places, in: x.shape)
        let expected = try Tensor(
            CropTests.reference(x, corners, gather.size), shape: [2 * batch, 3, 5, 3])
        try MapTest.everywhere {
            try gather(x, locations: places)
        } check: { isa, y in
            #expect(y.isBitEqual(to: expected), "\(isa)")
        }
        #expect(corners.map(\.sample) == (0..<2 * batch).map { $0 / 2 })
    }

    @Test func rowsOfALargerBatchGetTheSameBits() throws {
        let x = try MapTest.tensor([7, 9, 7, 3])
        let places = try MapTest.tensor([7, 2], seed: 5, range: 1)
        let gather = try RegionGather(size: 4)
        let all = try gather(x, locations: places)
        let rows = [6, 1, 4]
        let some = try gather(
            x, locations: try Operations.indexSelect(places, axis: 0, indices: rows),
            samples: rows)
        #expect(some.isBitEqual(to: try Operations.indexSelect(all, axis: 0, indices: rows)))
    }

    @Test func affineRegionsOfWholeShiftsAreTheCopies() throws {
        // Share 1/2 of 8 pixels around (1/4, -1/4): columns 3..<7, rows 1..<5.
        let x = try MapTest.tensor([2, 8, 8, 3])
        let gather = try RegionGather(size: 4)
        let one: [Float] = [0.5, 0, 0.25, 0, 0.5, -0.25]
        let theta = try Tensor(one + one, shape: [2, 6])
        let copies = try Operations.crop(
            x, at: (0..<2).map { CropPlace(sample: $0, row: 1, column: 3) }, size: 4)
        let difference = try gather.affine(x, theta: theta).maximumDifference(from: copies)
        #expect(difference < 2e-6)
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let gather = try RegionGather(size: 4)
        let x = try Tensor(shapeOnly: [3, 9, 7, 2]), places = try Tensor(shapeOnly: [3, 5, 2])
        let trace = Trace()
        let y = try trace.recording { () throws(ProteanError) in try gather(x, locations: places) }
        #expect(y.isShapeOnly && y.shape == [15, 4, 4, 2])
        #expect(trace.totalCost.multiplyAdds == 0)
        #expect(trace.totalCost.bytes == 2 * 15 * 4 * 4 * 2 * 4)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let gather = try RegionGather(size: 4), x = try Tensor(zeros: [3, 9, 7, 2])
        for shape in [[2, 2], [3, 3], [3], [3, 1, 3], [3, 1, 1, 2]] {
            let error = #expect(throws: ProteanError.self) {
                _ = try gather(x, locations: try Tensor(zeros: shape))
            }
            guard case .shapeMismatch("RegionGather", "locations", _, shape) = error else {
                Issue.record("\(shape): \(String(describing: error))")
                continue
            }
        }
        let one = try Tensor(zeros: [1, 2])
        #expect(throws: ProteanError.self) { try gather(x, locations: one, samples: [3]) }
        #expect(throws: ProteanError.self) { try RegionGather(size: 0) }
    }
}
