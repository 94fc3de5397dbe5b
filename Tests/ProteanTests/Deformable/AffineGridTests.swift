import Testing

@testable import Protean

@Suite struct AffineGridTests {
    /// The position of index i among `size` along one axis.
    private static func base(_ i: Int, _ size: Int, _ alignCorners: Bool) -> Double {
        if alignCorners { return size > 1 ? 2 * Double(i) / Double(size - 1) - 1 : 0 }
        return (2 * Double(i) + 1) / Double(size) - 1
    }

    @Test(
        arguments: [(1, 5, 9), (3, 7, 2), (2, 1, 6), (1, 1, 1), (0, 3, 4), (2, 80, 63)],
        [false, true])
    func mapsAgreeWithDoubleLoopsEverywhere(_ sizes: (Int, Int, Int), _ align: Bool) throws {
        let (n, h, w) = sizes
        let theta = try Initializer.uniform([n, 2, 3], in: -2...2, seed: 3)
        let t = theta.elements.map(Double.init)
        var expected: [Double] = []
        for pixel in 0..<n * h * w {
            let y = Self.base(pixel / w % h, h, align), x = Self.base(pixel % w, w, align)
            for row in 0..<2 {
                let at = (pixel / (h * w) * 2 + row) * 3
                expected.append(t[at] * x + t[at + 1] * y + t[at + 2])
            }
        }
        let size = Size2d(height: h, width: w)
        try MapTest.everywhere {
            try AffineGrid(alignCorners: align)(theta, size: size)
        } check: { isa, grid in
            // Three products of numbers up to 2.
            MapTest.expect(grid, shape: [n, h, w, 2], expected, tolerance: 1e-6, "\(isa)")
        }
    }

    @Test(arguments: [[1, 3, 5, 4], [2, 1, 4, 3], [3, 2, 1, 1], [0, 2, 2, 2]], [false, true])
    func volumesAgreeWithDoubleLoopsEverywhere(_ sizes: [Int], _ align: Bool) throws {
        let (n, d, h, w) = (sizes[0], sizes[1], sizes[2], sizes[3])
        let theta = try Initializer.uniform([n, 3, 4], in: -2...2, seed: 4)
        let t = theta.elements.map(Double.init)
        var expected: [Double] = []
        for voxel in 0..<n * d * h * w {
            let z = Self.base(voxel / (h * w) % d, d, align)
            let y = Self.base(voxel / w % h, h, align), x = Self.base(voxel % w, w, align)
            for row in 0..<3 {
                let at = (voxel / (d * h * w) * 3 + row) * 4
                expected.append(t[at] * x + t[at + 1] * y + t[at + 2] * z + t[at + 3])
            }
        }
        let size = Size3d(depth: d, height: h, width: w)
        try MapTest.everywhere {
            try AffineGrid(alignCorners: align)(theta, size: size)
        } check: { isa, grid in
            MapTest.expect(grid, shape: [n, d, h, w, 3], expected, tolerance: 1e-6, "\(isa)")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for shape in [[2, 3, 2], [2, 6], [2, 2, 2], [6]] {
            expectMismatch(of: "theta") { _ = try AffineGrid()(Tensor(zeros: shape), size: 2) }
        }
        for shape in [[2, 2, 3], [2, 3, 3], [3, 4]] {
            expectMismatch(of: "theta") {
                _ = try AffineGrid()(
                    Tensor(zeros: shape), size: Size3d(depth: 1, height: 2, width: 3))
            }
        }
        expectRefusal(of: "size") {
            _ = try AffineGrid()(Tensor(zeros: [2, 2, 3]), size: Size2d(height: -1, width: 2))
        }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let trace = Trace()
        let grid = try trace.recording {
            try AffineGrid()(Tensor(shapeOnly: [2, 2, 3]), size: Size2d(height: 4, width: 7))
        }
        #expect(grid.isShapeOnly && grid.shape == [2, 4, 7, 2])
        #expect(trace.totalCost == Cost(multiplyAdds: 2 * 112, bytes: (12 + 112) * 4))
    }
}
