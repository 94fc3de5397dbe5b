import Testing

@testable import Protean

/// Blocks against loops over their pixels.
@Suite struct SparseBlocksTests {
    struct Case: Sendable {
        var map: [Int]
        var block: Size2d
        var step: Size2d
        var offset: Size2d = 0
        var count: Size2d

        func grid() throws -> BlockGrid {
            try BlockGrid(blockSize: block, step: step, offset: offset, count: count)
        }

        var size: Size2d { SparseTest.size(map) }

        /// The map's pixels of block `place` with their places in the block.
        func pixels(_ place: Int) -> [(block: Int, map: Int)] {
            let top = place / count.width * step.height - offset.height
            let left = place % count.width * step.width - offset.width
            return (0..<block.height * block.width).compactMap { inside in
                let y = top + inside / block.width, x = left + inside % block.width
                guard (0..<size.height).contains(y), (0..<size.width).contains(x) else {
                    return nil
                }
                return (inside, y * size.width + x)
            }
        }
    }

    static let cases = [
        Case(map: [2, 9, 13, 5], block: 3, step: 3, count: Size2d(height: 3, width: 5)),
        Case(
            map: [3, 7, 70, 3], block: Size2d(height: 5, width: 8),
            step: Size2d(height: 3, width: 6), offset: 1, count: Size2d(height: 3, width: 12)),
        Case(
            map: [1, 4, 5, 17], block: 2, step: 4, offset: Size2d(height: 3, width: 0), count: 3),
        Case(map: [0, 4, 5, 2], block: 2, step: 2, count: Size2d(height: 2, width: 3)),
        Case(map: [1, 3, 3, 1], block: 9, step: 1, offset: 4, count: 2),
        Case(map: [1, 90, 100, 33], block: 10, step: 8, offset: 1, count: 12),
    ]

    @Test(arguments: cases)
    func blocksAreThoseThatHoldAnActivePixel(_ test: Case) throws {
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: test.map[0], size: test.size)
            let found = try SparseBlocks(mask, grid: test.grid())
            let active = mask.activePixels.map { Set($0.map(Int.init)) }
            let expected = active.map { pixels in
                (0..<test.count.height * test.count.width).filter { place in
                    test.pixels(place).contains { pixels.contains($0.map) }
                }
            }
            #expect(found.places == expected, "\(pattern)")
            #expect(found.count == expected.reduce(0) { $0 + $1.count })
        }
    }

    @Test(arguments: cases)
    func averagesCountZerosOutside(_ test: Case) throws {
        let mask = try Tensor.random(Array(test.map.prefix(3)), seed: 4)
        let values = mask.elements, pixels = test.size.height * test.size.width
        for threshold: Float in [-0.1, 0, 0.2] {
            let found = try SparseBlocks(averaging: mask, above: threshold, grid: test.grid())
            let expected = (0..<test.map[0]).map { sample in
                (0..<test.count.height * test.count.width).filter { place in
                    let sum = test.pixels(place).reduce(0) {
                        $0 + Double(values[sample * pixels + $1.map])
                    }
                    let area = test.block.height * test.block.width
                    return sum / Double(area) > Double(threshold)
                }
            }
            #expect(found.places == expected)
        }
    }

    @Test(arguments: cases)
    func gatheredAndScatteredBlocksAreTheMapsPixels(_ test: Case) throws {
        let x = try Tensor.random(test.map), channels = test.map[3]
        let values = x.elements, image = test.size.height * test.size.width
        let area = test.block.height * test.block.width
        for pattern in [MaskPattern.cells4, .one, .none, .all] {
            let mask = try pattern.plan(batch: test.map[0], size: test.size)
            let blocks = try SparseBlocks(mask, grid: test.grid())
            var gathered = [Float](repeating: 0, count: blocks.count * area * channels)
            let base = try Tensor.random(test.map, seed: 2)
            let stack = try Tensor.random(
                [blocks.count, test.block.height, test.block.width, channels], seed: 3)
            let tiles = stack.elements
            var written = base.elements, added = written
            var block = 0
            for (sample, places) in blocks.places.enumerated() {
                for place in places {
                    for pixel in test.pixels(place) {
                        let from = (sample * image + pixel.map) * channels
                        let to = (block * area + pixel.block) * channels
                        for c in 0..<channels {
                            gathered[to + c] = values[from + c]
                            written[from + c] = tiles[to + c]
                            added[from + c] += tiles[to + c]
                        }
                    }
                    block += 1
                }
            }
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let what = "\(pattern) \(isa) \(threads)"
                    #expect(try Operations.gatherBlocks(x, blocks).elements == gathered, "\(what)")
                    let over = try Operations.scatterBlocks(stack, blocks, into: base)
                    #expect(over.elements == written, "\(what)")
                    let sum = try Operations.scatterBlocks(stack, blocks, into: base, adding: true)
                    #expect(sum.elements == added, "\(what)")
                }
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let test = Self.cases[0]
        let mask = try MaskPattern.all.plan(batch: 2, size: test.size)
        let blocks = try SparseBlocks(mask, grid: test.grid())
        #expect(throws: ProteanError.self) {
            try Operations.gatherBlocks(Tensor(zeros: [2, 9, 12, 5]), blocks)
        }
        #expect(throws: ProteanError.self) {
            try Operations.scatterBlocks(
                Tensor(zeros: [1, 3, 3, 5]), blocks, into: Tensor(zeros: test.map))
        }
        #expect(throws: ProteanError.self) { try BlockGrid(blockSize: 0, count: 1) }
        #expect(throws: ProteanError.self) { try BlockGrid(blockSize: 1, step: 0, count: 1) }
        #expect(throws: ProteanError.self) { try BlockGrid(blockSize: 1, offset: -1, count: 1) }
        #expect(throws: ProteanError.self) {
            try SparseBlocks(mask, grid: BlockGrid(blockSize: 1, count: Size2d(1 << 20)))
        }
        #expect(throws: ProteanError.self) {
            try SparseBlocks(mask, grid: BlockGrid(blockSize: Size2d(.max), count: 2))
        }
        #expect(throws: ProteanError.self) {
            try blocks.moved(to: BlockGrid(blockSize: 1, count: 2), size: test.size)
        }
        #expect(throws: ProteanError.self) {
            try SparseBlocks(averaging: Tensor(zeros: [2, 9]), above: 0, grid: test.grid())
        }
    }
}
