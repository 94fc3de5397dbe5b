import Testing

@testable import Protean

@Suite struct RoIAlignTests {
    private static let boxes: [[Float]] = [
        [0, 1, 2, 13.3, 10.1], [1, -3, -2, 20.3, 11.7], [1, 4.2, 3.1, 4.3, 3.2], [0, 6, 5, 2, 1],
    ]

    /// Bins of 2 by 3, scale 0.5, on a map of 7 by 9; means of samples in double precision.
    private static func reference(_ x: Tensor, ratio: Int, aligned: Bool) -> [Double] {
        let channels = x.shape[3], size = 63 * channels
        let images = (0..<2).map { Array(x.elements[$0 * size..<($0 + 1) * size]) }
        var expected: [Double] = []
        for box in boxes {
            // Positions are rounded as the kernel rounds them: next to an edge that decides.
            let shift: Float = aligned ? 0.5 : 0
            let (x1, y1) = (box[1] * 0.5 - shift, box[2] * 0.5 - shift)
            var (width, height) = (box[3] * 0.5 - shift - x1, box[4] * 0.5 - shift - y1)
            if !aligned { (width, height) = (max(width, 1), max(height, 1)) }
            let (binH, binW) = (height / 2, width / 3)
            let ny = ratio > 0 ? ratio : max(Int(binH.rounded(.up)), 0)
            let nx = ratio > 0 ? ratio : max(Int(binW.rounded(.up)), 0)
            for bin in 0..<6 {
                for c in 0..<channels {
                    var sum = 0.0
                    for point in 0..<ny * nx {
                        let iy = Float(point / nx) + 0.5, ix = Float(point % nx) + 0.5
                        let py = y1 + Float(bin / 3) * binH + iy * binH / Float(ny)
                        let px = x1 + Float(bin % 3) * binW + ix * binW / Float(nx)
                        sum += DeformRoIPoolTests.sample(
                            images[Int(box[0])], 7, 9, channels, c, py, px)
                    }
                    expected.append(sum / Double(max(ny * nx, 1)))
                }
            }
        }
        return expected
    }

    @Test(arguments: [1, 3, 7, 16, 33], [(0, false), (2, false), (0, true), (3, true)])
    func agreesWithDoubleLoopsEverywhere(channels: Int, options: (Int, Bool)) throws {
        let x = try Tensor.random([2, 7, 9, channels])
        let layer = try RoIAlign(
            size: Size2d(height: 2, width: 3), scale: 0.5, samplingRatio: options.0,
            aligned: options.1)
        let rows = try Tensor(Self.boxes.flatMap { $0 }, shape: [4, 5])
        let expected = Self.reference(x, ratio: options.0, aligned: options.1)
        try MapTest.everywhere {
            try layer(x, boxes: rows)
        } check: { isa, y in
            // Sums of a few dozen samples of size 1 in single precision.
            MapTest.expect(y, shape: [4, 2, 3, channels], expected, tolerance: 5e-6, "\(isa)")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let layer = try RoIAlign(size: 2, scale: 1, samplingRatio: 0)
        let x = try Tensor(zeros: [2, 4, 5, 3])
        for box: [Float] in [[2, 0, 0, 1, 1], [-1, 0, 0, 1, 1], [0, .nan, 0, 1, 1]] {
            expectRefusal(of: "boxes[0]") {
                _ = try layer(x, boxes: Tensor(box, shape: [1, 5]))
            }
        }
        // More points than anything real has.
        #expect(throws: ProteanError.self) {
            try layer(x, boxes: Tensor([0, 0, 0, 1e9, 1] as [Float], shape: [1, 5]))
        }
        expectMismatch(of: "boxes") { _ = try layer(x, boxes: Tensor(zeros: [1, 4])) }
        #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: [4, 5, 3]), boxes: Tensor(zeros: [1, 5]))
        }
        expectRefusal(of: "size") { _ = try RoIAlign(size: 0, scale: 1, samplingRatio: 0) }
        expectRefusal(of: "scale") {
            _ = try RoIAlign(size: 2, scale: .infinity, samplingRatio: 0)
        }
        expectRefusal(of: "samplingRatio") {
            _ = try RoIAlign(size: 2, scale: 1, samplingRatio: -1)
        }
    }

    /// More points per bin than are planned at once, and enough work for several threads.
    @Test func aConstantMapStaysConstant() throws {
        let x = try Tensor(repeating: 3, shape: [1, 60, 50, 33])
        let boxes = try Tensor([0, 0, 0, 49, 59, 0, 3, 5, 40, 41] as [Float], shape: [2, 5])
        let layer = try RoIAlign(size: Size2d(height: 2, width: 3), scale: 1, samplingRatio: 0)
        try MapTest.everywhere {
            try layer(x, boxes: boxes)
        } check: { isa, y in
            MapTest.expect(
                y, shape: [2, 2, 3, 33], [Double](repeating: 3, count: 396), "\(isa)")
        }
    }

    @Test func noBoxesGiveNoResultAndShapesPassWithoutValues() throws {
        let layer = try RoIAlign(size: 2, scale: 1, samplingRatio: 0)
        let x = try Tensor(zeros: [2, 4, 5, 3])
        #expect(try layer(x, boxes: Tensor(zeros: [0, 5])).shape == [0, 2, 2, 3])
        let trace = Trace()
        let y = try trace.recording {
            try layer(Tensor(shapeOnly: [2, 4, 5, 3]), boxes: Tensor(shapeOnly: [7, 5]))
        }
        #expect(y.isShapeOnly && y.shape == [7, 2, 2, 3])
        #expect(trace.totalCost == Cost(bytes: (120 + 84) * 4))
    }
}
