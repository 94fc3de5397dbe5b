import Testing

@testable import Protean

@Suite struct GridVolumeTests {
    /// One axis of a trilinear sample in double precision: (pixel, weight) of the pixels inside.
    private static func corners(_ p: Float, _ size: Int) -> [(Int, Double)] {
        guard p > -1, p < Float(size) else { return [] }
        let low = Int(p.rounded(.down)), share = Double(p) - Double(low)
        return [(low, 1 - share), (low + 1, share)].filter { (0..<size).contains($0.0) }
    }

    @Test(arguments: [1, 3, 7, 16, 33], [0, 1, 3])
    func trilinearAgreesWithDoubleLoopsEverywhere(channels: Int, batch: Int) throws {
        let (d, h, w) = (4, 3, 7)
        let x = try Tensor.random([batch, d, h, w, channels])
        let grid = try Initializer.uniform([batch, 2, 5, 3, 3], in: -1.6...1.6, seed: 3)
        let values = x.elements, g = grid.elements
        var expected: [Double] = []
        for voxel in 0..<batch * 30 {
            // Rounded as the kernel rounds them: next to an edge that decides.
            let axes = zip([w, h, d], 0..<3).map { size, i in
                let half = Float(size) / 2
                return Self.corners((g[3 * voxel + i] + 1) * half - 0.5, size)
            }
            for c in 0..<channels {
                var sum = 0.0
                for (z, wz) in axes[2] {
                    for (y, wy) in axes[1] {
                        for (x, wx) in axes[0] {
                            let pixel = ((voxel / 30 * d + z) * h + y) * w + x
                            sum += wz * wy * wx * Double(values[pixel * channels + c])
                        }
                    }
                }
                expected.append(sum)
            }
        }
        try MapTest.everywhere {
            try GridSample()(x, grid: grid)
        } check: { isa, y in
            MapTest.expect(
                y, shape: [batch, 2, 5, 3, channels], expected, tolerance: 2e-6, "\(isa)")
        }
    }

    /// Large enough to be shared among threads.
    @Test(arguments: [GridMode.bilinear, .nearest], GridPadding.allCases)
    func threadsDoNotChangeBits(mode: GridMode, padding: GridPadding) throws {
        let x = try Tensor.random([2, 9, 11, 7, 19])
        let grid = try Initializer.uniform([2, 12, 10, 13, 3], in: -2...2, seed: 5)
        try MapTest.everywhere {
            try GridSample(mode: mode, padding: padding)(x, grid: grid)
        } check: { isa, y in
            #expect(y.elements.allSatisfy { $0.isFinite }, "\(isa)")
        }
    }

    @Test(arguments: [GridMode.bilinear, .nearest], GridPadding.allCases)
    func hostilePositionsAreDefined(mode: GridMode, padding: GridPadding) throws {
        let x = try Tensor.random([1, 3, 4, 5, 17])
        let hostile: [Float] = [.nan, .infinity, -Float.infinity, 3e38, -3e38, 1e10, -1e10]
        for axis in 0..<3 {
            var positions: [Float] = []
            for value in hostile { positions += (0..<3).map { $0 == axis ? value : 0.1 } }
            let grid = try Tensor(positions, shape: [1, 1, 1, 7, 3])
            try MapTest.everywhere {
                try GridSample(mode: mode, padding: padding)(x, grid: grid)
            } check: { isa, y in
                let voxels = (0..<7).map { Array(y.elements[$0 * 17..<($0 + 1) * 17]) }
                let isUndefined = voxels[0].allSatisfy { $0.isNaN }
                #expect(isUndefined == (mode == .bilinear && padding == .zeros), "\(isa)")
                for far in 1..<7 {
                    #expect(voxels[far].allSatisfy { $0.isFinite }, "\(isa) \(hostile[far])")
                    if padding == .zeros { #expect(voxels[far].allSatisfy { $0 == 0 }) }
                }
            }
        }
    }

    /// One plane of a volume, sampled in its middle, is a map.
    @Test(arguments: [GridMode.bilinear, .nearest], GridPadding.allCases)
    func onePlaneIsAMap(mode: GridMode, padding: GridPadding) throws {
        let x = try Tensor.random([2, 6, 5, 9])
        let grid = try Initializer.uniform([2, 4, 7, 2], in: -1.5...1.5, seed: 8)
        let pairs = grid.elements
        var triples: [Float] = []
        for at in stride(from: 0, to: pairs.count, by: 2) {
            triples += [pairs[at], pairs[at + 1], 0]
        }
        let deep = try Tensor(triples, shape: [2, 1, 4, 7, 3])
        let sample = GridSample(mode: mode, padding: padding)
        let flat = try sample(x, grid: grid)
        let y = try sample(x.reshaped(to: [2, 1, 6, 5, 9]), grid: deep)
        MapTest.expect(
            y, shape: [2, 1, 4, 7, 9], flat.elements.map(Double.init), tolerance: 2e-6)
    }

    @Test func identityKeepsTheVolume() throws {
        let x = try Tensor.random([1, 3, 4, 5, 2])
        let theta = try Tensor([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], shape: [1, 3, 4])
        let size = Size3d(depth: 3, height: 4, width: 5)
        for mode in [GridMode.bilinear, .nearest] {
            for align in [false, true] {
                let grid = try AffineGrid(alignCorners: align)(theta, size: size)
                let y = try GridSample(mode: mode, alignCorners: align)(x, grid: grid)
                MapTest.expect(
                    y, shape: x.shape, x.elements.map(Double.init), tolerance: 2e-6, "\(mode)")
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let x = try Tensor(zeros: [2, 3, 4, 5, 1]), grid = try Tensor(zeros: [2, 1, 1, 1, 3])
        #expect(
            throws: ProteanError.invalidOption(
                layer: "GridSample", option: "mode",
                expected: "bilinear or nearest for volumes (x has five axes)", found: "bicubic")
        ) { try GridSample(mode: .bicubic)(x, grid: grid) }
        for shape in [[1, 1, 1, 1, 3], [2, 1, 1, 1, 2], [2, 1, 1, 2]] {
            let grid = try Tensor(zeros: shape)
            #expect(throws: ProteanError.self) { try GridSample()(x, grid: grid) }
        }
        #expect(throws: ProteanError.self) {
            try GridSample()(Tensor(zeros: [2, 0, 4, 5, 1]), grid: grid)
        }
        let size = Size3d(depth: 1, height: 2, width: 3)
        for shape in [[2, 2, 3], [2, 3, 3], [3, 4]] {
            let theta = try Tensor(zeros: shape)
            #expect(throws: ProteanError.self) { try AffineGrid()(theta, size: size) }
        }
        #expect(throws: ProteanError.self) {
            try AffineGrid()(
                Tensor(zeros: [2, 3, 4]), size: Size3d(depth: 1, height: -2, width: 3))
        }
    }

    @Test func shapesPassWithoutValues() throws {
        let x = try Tensor(shapeOnly: [2, 3, 4, 5, 6]), theta = try Tensor(shapeOnly: [2, 3, 4])
        let grid = try AffineGrid()(theta, size: Size3d(depth: 1, height: 2, width: 7))
        #expect(grid.shape == [2, 1, 2, 7, 3])
        #expect(try GridSample()(x, grid: grid).shape == [2, 1, 2, 7, 6])
    }
}
