import Testing

@testable import Protean

@Suite struct RetinaTests {
    /// Means over blocks of the zero-padded regions, in double precision.
    private static func reference(
        _ x: Tensor, _ places: Tensor, size: Int, scales: Int, factor: Int
    ) -> [Double] {
        let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
        let values = x.elements, locations = places.elements
        func corner(_ l: Float, _ all: Int, _ region: Int) -> Int {
            let sum = l + 1
            let scaled = sum * Float(all)
            return Int(0.5 * scaled) - region / 2
        }
        var y: [Double] = []
        for row in 0..<places.shape[0] {
            for pixel in 0..<size * size {
                var ratio = 1
                for _ in 0..<scales {
                    let region = size * ratio
                    let left = corner(locations[2 * row], width, region)
                    let top = corner(locations[2 * row + 1], height, region)
                    for c in 0..<channels {
                        var sum = 0.0
                        for tap in 0..<ratio * ratio {
                            let r = top + pixel / size * ratio + tap / ratio
                            let q = left + pixel % size * ratio + tap % ratio
                            guard (0..<height).contains(r), (0..<width).contains(q) else {
                                continue
                            }
                            sum += Double(values[((row * height + r) * width + q) * channels + c])
                        }
                        y.append(sum / Double(ratio * ratio))
                    }
                    ratio *= factor
                }
            }
        }
        return y
    }

    @Test(arguments: [0, 1, 3, 7], [(4, 1, 2), (4, 3, 2), (3, 2, 3), (5, 2, 1)])
    func agreesWithDoubleLoopsEverywhere(batch: Int, option: (Int, Int, Int)) throws {
        let (size, scales, factor) = option
        let retina = try Retina(size: size, scales: scales, factor: factor)
        let x = try MapTest.tensor([batch, 11, 14, 3])
        let places = try MapTest.tensor([batch, 2], seed: 3, range: 1.1)
        let expected = Self.reference(x, places, size: size, scales: scales, factor: factor)
        try MapTest.everywhere {
            try retina(x, locations: places)
        } check: { isa, y in
            MapTest.expect(
                y, shape: [batch, size, size, scales * 3], expected, tolerance: 2e-6, "\(isa)")
        }
    }

    @Test func rowsAloneGetTheSameBits() throws {
        let retina = try Retina(size: 4, scales: 3)
        let x = try MapTest.tensor([7, 11, 14, 3])
        let places = try MapTest.tensor([7, 2], seed: 3, range: 1)
        let all = try retina(x, locations: places)
        for row in 0..<7 {
            let one = try retina(x, locations: try places.sample(row), samples: [row])
            #expect(one.isBitEqual(to: try all.sample(row)))
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for (size, scales, factor) in [(0, 1, 2), (4, 0, 2), (4, 2, 0), (4, 40, 2), (4, 1025, 1)] {
            #expect(throws: ProteanError.self) {
                try Retina(size: size, scales: scales, factor: factor)
            }
        }
        let retina = try Retina(size: 4, scales: 2)
        let x = try Tensor(zeros: [2, 9, 9, 1])
        for shape in [[2, 1, 2], [3, 2], [2, 3]] {
            #expect(throws: ProteanError.self) {
                try retina(x, locations: try Tensor(zeros: shape))
            }
        }
    }
}
