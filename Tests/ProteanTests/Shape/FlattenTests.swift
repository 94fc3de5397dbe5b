import Testing

@testable import Protean

@Suite struct FlattenTests {
    @Test(arguments: [
        [2, 3, 5, 4], [1, 7, 9, 17], [3, 4, 6, 1], [2, 1, 1, 33], [0, 2, 3, 7], [1, 40, 37, 33],
    ])
    func channelsComeFirst(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 83)
        let values = x.elements, (h, w, c) = (shape[1], shape[2], shape[3])
        var expected: [Double] = []
        for sample in 0..<shape[0] {
            for channel in 0..<c {
                for pixel in 0..<h * w {
                    expected.append(Double(values[(sample * h * w + pixel) * c + channel]))
                }
            }
        }
        try MapTest.everywhere {
            try Flatten()(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [shape[0], c * h * w], expected, tolerance: 0, "\(isa)")
        }
    }

    @Test func otherShapesKeepTheirOrder() throws {
        for (shape, flat) in [([2, 3, 5], [2, 15]), ([2, 7], [2, 7]), ([3], [3, 1])] {
            let x = try Tensor.random(shape)
            let y = try Flatten()(x)
            #expect(y.shape == flat && y.elements == x.elements)
        }
    }

    @Test func costAndShapeNeedNoValues() throws {
        #expect(try Flatten().outputShape(for: [2, 3, 5, 4]) == [2, 60])
        #expect(try Flatten().cost(for: [2, 3, 5, 4]) == Cost(bytes: 2 * 120 * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for start in [0, 2, -1] {
            expectRefusal(of: "startDimension") { _ = try Flatten(startDimension: start) }
        }
        #expect(throws: ProteanError.self) { try Flatten()(Tensor(zeros: [])) }
    }
}
