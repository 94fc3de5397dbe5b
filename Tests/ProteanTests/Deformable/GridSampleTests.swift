import CReference
import Testing

@testable import Protean

@Suite struct GridSampleTests {
    @Test(arguments: [1, 3, 7, 16, 33], [0, 1, 3])
    func bilinearAgreesWithDoubleLoopsEverywhere(channels: Int, batch: Int) throws {
        let x = try Tensor.random([batch, 5, 9, channels])
        let grid = try Initializer.uniform([batch, 6, 7, 2], in: -1.6...1.6, seed: 3)
        let values = x.elements, positions = grid.elements
        var expected: [Double] = []
        for pixel in 0..<batch * 42 {
            // Rounded as the kernel rounds them: next to an edge that decides.
            let px = (positions[2 * pixel] + 1) * 4.5 - 0.5
            let py = (positions[2 * pixel + 1] + 1) * 2.5 - 0.5
            let image = Array(values[pixel / 42 * 45 * channels..<(pixel / 42 + 1) * 45 * channels])
            for c in 0..<channels {
                expected.append(reference_bilinear(image, 5, 9, channels, c, py, px))
            }
        }
        try MapTest.everywhere {
            try GridSample()(x, grid: grid)
        } check: { isa, y in
            MapTest.expect(y, shape: [batch, 6, 7, channels], expected, tolerance: 2e-6, "\(isa)")
        }
    }

    /// Large enough to be shared among threads.
    @Test(arguments: GridMode.allCases, GridPadding.allCases)
    func threadsDoNotChangeBits(mode: GridMode, padding: GridPadding) throws {
        let x = try Tensor.random([2, 21, 17, 19])
        let grid = try Initializer.uniform([2, 40, 37, 2], in: -2...2, seed: 5)
        try MapTest.everywhere {
            try GridSample(mode: mode, padding: padding)(x, grid: grid)
        } check: { isa, y in
            #expect(y.elements.allSatisfy { $0.isFinite }, "\(isa)")
        }
    }

    /// Maps beyond the caches are fetched ahead; one image alone is not.
    @Test func imagesOfALargeBatchEqualEachAlone() throws {
        let x = try Tensor.random([4, 97, 113, 80])
        let grid = try Initializer.uniform([4, 70, 61, 2], in: -1.3...1.3, seed: 6)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let together = try GridSample()(x, grid: grid)
                for i in 0..<4 {
                    let alone = try GridSample()(x.sample(i), grid: grid.sample(i))
                    #expect(try together.sample(i).isBitEqual(to: alone), "\(isa)")
                }
            }
        }
    }

    @Test(arguments: GridMode.allCases, GridPadding.allCases)
    func hostilePositionsAreDefined(mode: GridMode, padding: GridPadding) throws {
        let x = try Tensor.random([1, 4, 3, 17])
        let hostile: [Float] = [.nan, .infinity, -Float.infinity, 3e38, -3e38, 1e10, -1e10]
        let grid = try Tensor(hostile.flatMap { [$0, 0.1] }, shape: [1, 1, 7, 2])
        try MapTest.everywhere {
            try GridSample(mode: mode, padding: padding)(x, grid: grid)
        } check: { isa, y in
            let pixels = (0..<7).map { Array(y.elements[$0 * 17..<($0 + 1) * 17]) }
            let undefined = pixels.map { $0.allSatisfy { $0.isNaN } }
            let finite = pixels.map { $0.allSatisfy { $0.isFinite } }
            #expect(undefined[0] == (mode == .bicubic || (mode == .bilinear && padding == .zeros)))
            for far in 1..<7 {
                // The first four are infinite, or become so on their way to pixels.
                #expect(finite[far] || mode == .bicubic && far < 5, "\(isa) \(hostile[far])")
                guard mode != .bicubic else { continue }
                if padding == .zeros { #expect(pixels[far] == Array(repeating: 0, count: 17)) }
            }
            if mode == .bicubic { #expect(undefined[1] && undefined[2]) }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let x = try Tensor(zeros: [2, 4, 5, 3])
        for shape in [[1, 2, 2, 2], [2, 2, 2, 3], [2, 2, 2]] {
            expectMismatch(of: "grid") { _ = try GridSample()(x, grid: Tensor(zeros: shape)) }
        }
        #expect(throws: ProteanError.self) {
            try GridSample()(Tensor(zeros: [1, 0, 5, 3]), grid: Tensor(zeros: [1, 2, 2, 2]))
        }
    }

    @Test func shapesPassWithoutValues() throws {
        let y = try GridSample()(
            Tensor(shapeOnly: [2, 4, 5, 3]), grid: Tensor(shapeOnly: [2, 7, 6, 2]))
        #expect(y.isShapeOnly && y.shape == [2, 7, 6, 3])
    }
}
