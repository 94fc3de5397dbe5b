import CReference
import Testing

@testable import Protean

@Suite struct SpatialTransformerTests {
    @Test(arguments: [1, 3, 7, 16, 33], [0, 1, 3])
    func agreesWithDoubleLoopsEverywhere(channels: Int, batch: Int) throws {
        let (h, w, oh, ow) = (5, 9, 6, 7)
        let x = try Tensor.random([batch, h, w, channels])
        let theta = try Initializer.uniform([batch, 2, 3], in: -1.2...1.2, seed: 6)
        let t = theta.elements.map(Double.init), values = x.elements
        var expected: [Double] = []
        for pixel in 0..<batch * oh * ow {
            let by = (2 * Double(pixel / ow % oh) + 1) / Double(oh) - 1
            let bx = (2 * Double(pixel % ow) + 1) / Double(ow) - 1
            let sample = pixel / (oh * ow), at = sample * 6
            let gx = t[at] * bx + t[at + 1] * by + t[at + 2]
            let gy = t[at + 3] * bx + t[at + 4] * by + t[at + 5]
            let px = Float(((gx + 1) * Double(w) - 1) / 2)
            let py = Float(((gy + 1) * Double(h) - 1) / 2)
            let size = h * w * channels
            let image = Array(values[sample * size..<(sample + 1) * size])
            for c in 0..<channels {
                expected.append(reference_bilinear(image, h, w, channels, c, py, px))
            }
        }
        try MapTest.everywhere {
            try SpatialTransformer()(x, theta: theta, size: Size2d(height: oh, width: ow))
        } check: { isa, y in
            // A position near 10 is known to 1e-6, its samples to as much.
            MapTest.expect(
                y, shape: [batch, oh, ow, channels], expected, tolerance: 5e-6, "\(isa)")
        }
    }

    @Test(arguments: GridMode.allCases, GridPadding.allCases)
    func isAGridAndItsSamples(_ mode: GridMode, _ padding: GridPadding) throws {
        let x = try Tensor.random([2, 6, 5, 3])
        let theta = try Initializer.uniform([2, 2, 3], in: -1.5...1.5, seed: 7)
        let rows = try theta.reshaped(to: [2, 6])
        for align in [false, true] {
            let layer = SpatialTransformer(mode: mode, padding: padding, alignCorners: align)
            try MapTest.everywhere {
                try layer(x, theta: rows)
            } check: { isa, y in
                let expected = try Runtime.with(isa: isa) {
                    try GridSample(mode: mode, padding: padding, alignCorners: align)(
                        x,
                        grid: AffineGrid(alignCorners: align)(
                            theta, size: Size2d(height: 6, width: 5)))
                }
                #expect(y.isBitEqual(to: expected), "\(isa)")
            }
        }
    }

    @Test func identityKeepsTheMap() throws {
        let x = try Tensor.random([2, 5, 7, 3])
        let theta = try Tensor([1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0], shape: [2, 6])
        for mode in GridMode.allCases {
            for align in [false, true] {
                let y = try SpatialTransformer(mode: mode, alignCorners: align)(x, theta: theta)
                MapTest.expect(
                    y, shape: x.shape, x.elements.map(Double.init), tolerance: 2e-6, "\(mode)")
            }
        }
    }

    @Test func quarterTurnMovesPixels() throws {
        let x = try Tensor((0..<6).map(Float.init), shape: [1, 2, 3, 1])
        let theta = try Tensor([0, 1, 0, -1, 0, 0], shape: [1, 2, 3])
        let y = try SpatialTransformer(alignCorners: true)(
            x, theta: theta, size: Size2d(height: 3, width: 2))
        #expect(y.shape == [1, 3, 2, 1])
        #expect(y.elements == [3, 0, 4, 1, 5, 2])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let x = try Tensor(zeros: [2, 4, 5, 3])
        for shape in [[2, 3, 2], [1, 2, 3], [2, 5]] {
            expectMismatch(of: "theta") {
                _ = try SpatialTransformer()(x, theta: Tensor(zeros: shape))
            }
        }
        for shape in [[4, 5, 3], [1, 0, 5, 3]] {
            #expect(throws: ProteanError.self) {
                try SpatialTransformer()(Tensor(zeros: shape), theta: Tensor(zeros: [1, 6]))
            }
        }
        expectRefusal(of: "size") {
            _ = try SpatialTransformer()(
                x, theta: Tensor(zeros: [2, 6]), size: Size2d(height: -1, width: 2))
        }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let trace = Trace()
        let y = try trace.recording {
            try SpatialTransformer()(
                Tensor(shapeOnly: [2, 4, 5, 3]), theta: Tensor(shapeOnly: [2, 2, 3]), size: 7)
        }
        #expect(y.isShapeOnly && y.shape == [2, 7, 7, 3])
        #expect(trace.events.map(\.layer) == ["AffineGrid", "GridSample"])
    }
}
