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

/// Layers on tiles against the same layers on the whole padded map.
@Suite struct SparseBlocksConvTests {
    struct Case: Sendable {
        var input: [Int]
        var block: Size2d
        var stride: Size2d = 1
        var pads = (1, 1, 1, 1)
        var adds = false
        var layers: @Sendable () throws -> [any Layer]
    }

    static let cases = [
        Case(input: [2, 11, 9, 5], block: 6) {
            [
                try Conv2d(
                    inputChannels: 5, outputChannels: 7, kernelSize: 3, algorithm: .direct)
            ]
        },
        Case(
            input: [3, 9, 17, 6], block: Size2d(height: 7, width: 9), pads: (2, 2, 2, 2), adds: true
        ) {
            [
                try BatchNorm2d(channels: 6), ReLU(),
                try Conv2d(
                    inputChannels: 6, outputChannels: 8, kernelSize: 3, algorithm: .direct),
                try BatchNorm2d(channels: 8), ReLU(),
                try Conv2d(
                    inputChannels: 8, outputChannels: 6, kernelSize: 3, algorithm: .direct),
            ]
        },
        Case(input: [1, 13, 10, 3], block: 7, stride: 2, pads: (1, 0, 2, 1)) {
            [
                try Conv2d(
                    inputChannels: 3, outputChannels: 4, kernelSize: 3, stride: 2,
                    algorithm: .direct)
            ]
        },
        // The last row and column of each tile are read in vain.
        Case(input: [2, 9, 12, 3], block: 6, stride: 2) {
            [
                try Conv2d(
                    inputChannels: 3, outputChannels: 4, kernelSize: 3, stride: 2,
                    algorithm: .direct)
            ]
        },
        Case(input: [0, 8, 8, 3], block: 5) {
            [
                try Conv2d(
                    inputChannels: 3, outputChannels: 4, kernelSize: 3, algorithm: .direct)
            ]
        },
    ]

    @Test(arguments: 0..<cases.count)
    func tilesEqualTheDenseResultBitForBit(_ index: Int) throws {
        let test = Self.cases[index]
        let body = try Sequential(test.layers())
        try DynConvTests.randomise(body)
        let (top, bottom, left, right) = test.pads
        let layer = try SparseBlocksConv(
            body, blockSize: test.block, stride: test.stride,
            padding: .explicit(top: top, bottom: bottom, left: left, right: right),
            adds: test.adds)
        let x = try Tensor.random(test.input)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let padded = try Operations.pad(
                    x, top: top, bottom: bottom, left: left, right: right)
                let whole = try body(padded)
                let base = try Tensor.random(whole.shape, seed: 7)
                let active = test.adds ? try Operations.add(base, whole) : whole
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(
                        batch: x.shape[0], size: SparseTest.size(x.shape))
                    let blocks = try SparseBlocks(mask, grid: layer.grid(for: x.shape))
                    let flags = Self.outputs(blocks, layer, whole.shape)
                    let expected = try SparseTest.select(active, flags, else: base)
                    #expect(
                        try layer(x, mask: mask, base: base).hasBits(of: expected),
                        "\(isa) \(pattern)")
                    var y = base
                    try layer.update(&y, with: x, blocks: blocks)
                    #expect(try y.hasBits(of: expected))
                    if !test.adds {
                        let zeros = try SparseTest.select(whole, flags)
                        #expect(try layer(x, mask: mask).hasBits(of: zeros))
                    }
                }
            }
        }
    }

    /// Which output pixels lie in a listed tile.
    private static func outputs(
        _ blocks: SparseBlocks, _ layer: SparseBlocksConv, _ shape: [Int]
    ) -> [Bool] {
        let tile = (
            blocks.grid.step.height / layer.stride.height,
            blocks.grid.step.width / layer.stride.width
        )
        return blocks.places.flatMap { places in
            let listed = Set(places)
            return (0..<shape[1] * shape[2]).map {
                let (y, x) = ($0 / shape[2] / tile.0, $0 % shape[2] / tile.1)
                return listed.contains(y * blocks.grid.count.width + x)
            }
        }
    }

    @Test func costsSayWhatWasExecuted() throws {
        let conv = try Conv2d(inputChannels: 3, outputChannels: 4, kernelSize: 3)
        let layer = try SparseBlocksConv(conv, blockSize: 6, padding: 1)
        let mask = try MaskPattern.one.plan(batch: 1, size: Size2d(height: 12, width: 9))
        let trace = Trace()
        _ = try trace.recording { try layer(try .random([1, 12, 9, 3]), mask: mask) }
        #expect(trace.events.map(\.layer) == ["SparseBlocksConv"])
        #expect(trace.totalCost.multiplyAdds == 12 * 9 * 4 * 27)
        let tiles = try SparseBlocks(mask, grid: layer.grid(for: [1, 12, 9, 3])).count
        #expect(trace.totalCost.executedMultiplyAdds == tiles * 16 * 4 * 27 && tiles > 0)
        let shape = try layer(Tensor(shapeOnly: [1, 12, 9, 3]), mask: mask)
        #expect(shape.isShapeOnly && shape.shape == [1, 12, 9, 4])
        #expect(layer.allParameters().map(\.name) == ["body.weight", "body.bias"])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func conv(_ stride: Size2d = 1, _ padding: Padding2d = 0) throws -> Conv2d {
            try Conv2d(
                inputChannels: 3, outputChannels: 4, kernelSize: 3, stride: stride,
                padding: padding)
        }
        #expect(throws: ProteanError.self) { try SparseBlocksConv(conv(1, 1), blockSize: 6) }
        #expect(throws: ProteanError.self) {
            try SparseBlocksConv(
                Sequential([conv(), MaxPool2d(kernelSize: 3, padding: 1)]), blockSize: 9)
        }
        #expect(throws: ProteanError.self) { try SparseBlocksConv(conv(), blockSize: 0) }
        #expect(throws: ProteanError.self) {
            try SparseBlocksConv(conv(), blockSize: 6, padding: .same)
        }
        let x = [1, 9, 9, 3]
        #expect(throws: ProteanError.self) {
            try SparseBlocksConv(conv(), blockSize: 2).grid(for: x)
        }
        #expect(throws: ProteanError.self) {
            try SparseBlocksConv(conv(2), blockSize: 7).grid(for: x)
        }
        #expect(throws: ProteanError.self) {
            try SparseBlocksConv(conv(), blockSize: 6, stride: Size2d(.max)).grid(for: x)
        }
        #expect(throws: ProteanError.self) {
            try SparseBlocksConv(conv(), blockSize: 6, padding: .symmetric(.max)).grid(for: x)
        }
        let layer = try SparseBlocksConv(conv(), blockSize: 6)
        let mask = try MaskPattern.all.plan(batch: 1, size: 9)
        #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: x), mask: mask, base: Tensor(zeros: x))
        }
        #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: [2, 9, 9, 3]), mask: mask)
        }
    }
}
