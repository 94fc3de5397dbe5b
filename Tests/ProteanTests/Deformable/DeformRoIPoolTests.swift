import Testing

@testable import Protean

@Suite struct DeformRoIPoolTests {
    /// A bilinear sample as RoIAlign has it: 0 outside −1 … size, else moved into the map.
    static func sample(
        _ image: [Float], _ h: Int, _ w: Int, _ c: Int, _ channel: Int, _ py: Float, _ px: Float
    ) -> Double {
        guard py >= -1, py <= Float(h), px >= -1, px <= Float(w) else { return 0 }
        let y = min(max(Double(py), 0), Double(h - 1)), x = min(max(Double(px), 0), Double(w - 1))
        let (y0, x0) = (Int(y), Int(x))
        let (y1, x1) = (min(y0 + 1, h - 1), min(x0 + 1, w - 1))
        let (ly, lx) = (y - Double(y0), x - Double(x0))
        func at(_ iy: Int, _ ix: Int) -> Double { Double(image[(iy * w + ix) * c + channel]) }
        let upper = (1 - lx) * at(y0, x0) + lx * at(y0, x1)
        let lower = (1 - lx) * at(y1, x0) + lx * at(y1, x1)
        return (1 - ly) * upper + ly * lower
    }

    @Test(arguments: [1, 3, 7, 16, 33], [0, 2])
    func agreesWithDoubleLoopsEverywhere(channels: Int, ratio: Int) throws {
        let x = try Tensor.random([2, 7, 9, channels])
        let boxes: [[Float]] = [
            [0, 1, 2, 13.3, 10.1], [1, -3, -2, 20.3, 11.7], [1, 4.2, 3.1, 4.3, 3.2],
        ]
        let offset = try Initializer.uniform([3, 2, 3, 2], in: -3...3, seed: 4)
        let layer = try DeformRoIPool(
            size: Size2d(height: 2, width: 3), scale: 0.5, samplingRatio: ratio, gamma: 0.2)
        let o = offset.elements
        let images = (0..<2).map {
            Array(x.elements[$0 * 63 * channels..<($0 + 1) * 63 * channels])
        }
        var expected: [Double] = []
        for (b, box) in boxes.enumerated() {
            let (x1, y1) = (box[1] * 0.5 - 0.5, box[2] * 0.5 - 0.5)
            let (width, height) = (box[3] * 0.5 - 0.5 - x1, box[4] * 0.5 - 0.5 - y1)
            let (binH, binW) = (height / 2, width / 3)
            let ny = ratio > 0 ? ratio : Int(binH.rounded(.up))
            let nx = ratio > 0 ? ratio : Int(binW.rounded(.up))
            for bin in 0..<6 {
                let moved = (b * 6 + bin) * 2
                let left = x1 + 0.2 * width * o[moved], top = y1 + 0.2 * height * o[moved + 1]
                for c in 0..<channels {
                    var sum = 0.0
                    for point in 0..<ny * nx {
                        let iy = Float(point / nx) + 0.5, ix = Float(point % nx) + 0.5
                        let py = top + Float(bin / 3) * binH + iy * binH / Float(ny)
                        let px = left + Float(bin % 3) * binW + ix * binW / Float(nx)
                        sum += Self.sample(images[Int(box[0])], 7, 9, channels, c, py, px)
                    }
                    expected.append(sum / Double(ny * nx))
                }
            }
        }
        let rows = try Tensor(boxes.flatMap { $0 }, shape: [3, 5])
        try MapTest.everywhere {
            try layer(x, boxes: rows, offset: offset)
        } check: { isa, y in
            MapTest.expect(y, shape: [3, 2, 3, channels], expected, tolerance: 5e-6, "\(isa)")
        }
    }

    /// Large enough to be shared among threads.
    @Test func withoutOffsetsItIsRoIAlign() throws {
        let x = try Tensor.random([1, 40, 37, 33])
        let boxes = try Tensor([0, 1, 2, 33, 30, 0, 3.5, 4, 20, 39.5] as [Float], shape: [2, 5])
        let pool = try DeformRoIPool(size: 7),
            align = try RoIAlign(
                size: 7, scale: 1, samplingRatio: 0, aligned: true)
        let plain = try pool(x, boxes: boxes)
        #expect(plain.isBitEqual(to: try align(x, boxes: boxes)))
        try MapTest.everywhere {
            try pool(x, boxes: boxes, offset: Tensor(zeros: [2, 7, 7, 2]))
        } check: { isa, y in
            let same = try Runtime.with(isa: isa) { try align(x, boxes: boxes) }
            #expect(y.isBitEqual(to: same), "\(isa)")
        }
    }

    @Test func offsetsThatAreNoNumbersGiveNaN() throws {
        let x = try Tensor.random([1, 6, 5, 3])
        let boxes = try Tensor([0, 1, 1, 4, 4] as [Float], shape: [1, 5])
        var values = [Float](repeating: 0, count: 8)
        values[3] = .nan
        values[4] = .infinity
        let y = try DeformRoIPool(size: 2)(
            x, boxes: boxes, offset: Tensor(values, shape: [1, 2, 2, 2])
        ).elements
        #expect(y[3..<6].allSatisfy { $0.isNaN })
        #expect(y[6..<9].allSatisfy { $0 == 0 })
        #expect((y[..<3] + y[9...]).allSatisfy { $0.isFinite })
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let layer = try DeformRoIPool(size: 2), x = try Tensor(zeros: [2, 4, 5, 3])
        let boxes = try Tensor([1, 0, 0, 3, 3] as [Float], shape: [1, 5])
        for shape in [[1, 2, 2, 3], [2, 2, 2, 2], [1, 8]] {
            let offset = try Tensor(zeros: shape)
            #expect(throws: ProteanError.self) { try layer(x, boxes: boxes, offset: offset) }
        }
        #expect(throws: ProteanError.self) {
            try layer(x, boxes: Tensor([2, 0, 0, 3, 3] as [Float], shape: [1, 5]))
        }
        #expect(throws: ProteanError.self) { try DeformRoIPool(size: 0) }
        #expect(throws: ProteanError.self) { try DeformRoIPool(size: 2, gamma: .nan) }
        #expect(throws: ProteanError.self) { try DeformRoIPool(size: 2, samplingRatio: -1) }
        #expect(try layer(x, boxes: Tensor(zeros: [0, 5])).shape == [0, 2, 2, 3])
        let offset = try Tensor(zeros: [0, 2, 2, 2])
        #expect(
            try layer(x, boxes: Tensor(zeros: [0, 5]), offset: offset).shape == [0, 2, 2, 3])
    }
}
