import Testing

@testable import Protean

@Suite struct CropTests {
    /// Pixel by pixel, with zeros outside.
    static func reference(_ x: Tensor, _ places: [CropPlace], _ size: Size2d) -> [Float] {
        let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3]), values = x.elements
        var y: [Float] = []
        for place in places {
            for r in 0..<size.height {
                for q in 0..<size.width {
                    let (row, column) = (place.row + r, place.column + q)
                    let isInside = (0..<height).contains(row) && (0..<width).contains(column)
                    let pixel = (place.sample * height + row) * width + column
                    for c in 0..<channels {
                        y.append(isInside ? values[pixel * channels + c] : 0)
                    }
                }
            }
        }
        return y
    }

    static let corners = [
        (0, 0), (1, 2), (-3, 4), (2, -4), (-20, 0), (0, 30), (5, 8), (-2, -2), (7, 0), (0, 9),
        (-5, 0), (0, -3),
    ]

    @Test(
        arguments: [1, 3, 7, 17, 33],
        [Size2d(height: 5, width: 3), 1, Size2d(height: 12, width: 15)])
    func copiesBitsEverywhere(channels: Int, size: Size2d) throws {
        let x = try MapTest.tensor([3, 7, 9, channels], seed: UInt64(channels))
        let places = Self.corners.enumerated().map {
            CropPlace(sample: $0.offset * 2 % 3, row: $0.element.0, column: $0.element.1)
        }
        let expected = try Tensor(
            Self.reference(x, places, size),
            shape: [places.count, size.height, size.width, channels])
        try MapTest.everywhere {
            try Operations.crop(x, at: places, size: size)
        } check: { isa, y in
            #expect(y.isBitEqual(to: expected), "\(isa)")
        }
    }

    @Test func largeCropsAreSplitAmongThreads() throws {
        let x = try MapTest.tensor([2, 120, 110, 33])
        let places = [
            CropPlace(sample: 1, row: -7, column: 20), CropPlace(sample: 0, row: 30, column: -9),
        ]
        let size = Size2d(height: 100, width: 97)
        let expected = try Tensor(Self.reference(x, places, size), shape: [2, 100, 97, 33])
        try MapTest.everywhere {
            try Operations.crop(x, at: places, size: size)
        } check: { isa, y in
            #expect(y.isBitEqual(to: expected), "\(isa)")
        }
    }

    @Test func nothingIsOrdinary() throws {
        let x = try Tensor(zeros: [0, 4, 5, 3])
        #expect(try Operations.crop(x, at: [], size: 2).shape == [0, 2, 2, 3])
        let empty = try Tensor(zeros: [1, 0, 5, 2])
        let place = CropPlace(sample: 0, row: 0, column: 0)
        #expect(try Operations.crop(empty, at: [place], size: 1).elements == [0, 0])
        let shape = try Tensor(shapeOnly: [2, 4, 5, 3])
        let cut = try Operations.crop(shape, at: [place, place], size: 2)
        #expect(cut.isShapeOnly && cut.shape == [2, 2, 2, 3])
    }

    @Test func infinitiesAndNaNAreCopied() throws {
        let x = try Tensor([.nan, .infinity, -.infinity, -0.0], shape: [1, 2, 2, 1])
        let y = try Operations.crop(x, at: [CropPlace(sample: 0, row: 0, column: 0)], size: 2)
        #expect(y.isBitEqual(to: x))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let x = try Tensor(zeros: [2, 4, 5, 3]), far = CropPlace.farthest
        for place in [
            CropPlace(sample: 2, row: 0, column: 0), CropPlace(sample: -1, row: 0, column: 0),
            CropPlace(sample: 0, row: far + 1, column: 0),
            CropPlace(sample: 0, row: 0, column: -far - 1),
            CropPlace(sample: 0, row: .min, column: .max),
        ] {
            let error = #expect(throws: ProteanError.self) {
                _ = try Operations.crop(
                    x, at: [CropPlace(sample: 0, row: 0, column: 0), place], size: 2)
            }
            guard case .invalidOption("crop", "places[1]", _, _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        let edge = CropPlace(sample: 1, row: far, column: -far)
        #expect(try Operations.crop(x, at: [edge], size: 2).elements.allSatisfy { $0 == 0 })
        #expect(throws: ProteanError.self) { try Operations.crop(x, at: [], size: 0) }
        #expect(throws: ProteanError.self) {
            try Operations.crop(try Tensor(zeros: [4, 5, 3]), at: [], size: 1)
        }
    }
}
