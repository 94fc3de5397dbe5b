import Testing

@testable import Protean

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
        try body.randomise()
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
