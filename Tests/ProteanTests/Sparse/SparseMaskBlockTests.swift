import Testing

@testable import Protean

/// Sparse mask convolutions, as rows and as maps, against their definition by whole convolutions.
@Suite struct SparseMaskBlockTests {
    private static let channels = 12, layers = 3

    /// Channel c of layer l: dense, sparse, or neither, as 0, 1 and 2.
    private static func kind(_ c: Int, _ l: Int) -> Int {
        c % 7 == 3 ? 2 : (c + 2 * l) % 3 == 0 ? 0 : 1
    }

    private static func block(allSparse: Int? = nil) throws -> SparseMaskBlock {
        let block = try SparseMaskBlock(channels: channels, layers: layers, seed: 5)
        let pairs: [[Float]] = [[1, 0], [0, 1], [1, 1]]
        let values = (0..<channels * layers).flatMap { i -> [Float] in
            let layer = i % layers
            return pairs[layer == allSparse ? 1 : kind(i / layers, layer)]
        }
        try block.channelMask.set(try Tensor(values, shape: [1, channels, layers, 2]))
        return block
    }

    /// `map` with only the channels that `keep` says.
    private static func channels(_ map: Tensor, where keep: (Int) -> Bool) throws -> Tensor {
        let flags = (0..<channels).map(keep)
        var values = map.elements
        for i in values.indices where !flags[i % channels] { values[i] = 0 }
        return try Tensor(values, shape: map.shape)
    }

    private static func reference(
        _ x: Tensor, _ flags: [Bool], _ block: SparseMaskBlock, allSparse: Int?
    ) throws -> Tensor {
        func kind(_ c: Int, _ l: Int) -> Int { l == allSparse ? 1 : Self.kind(c, l) }
        var map = x, dense = x
        var all: [Tensor] = []
        for l in 0..<layers {
            let named = try #require(block.submodules[l].module as? Conv2d)
            let conv = try Conv2d(
                weight: named.weight.value, padding: named.geometry.padding, algorithm: .direct)
            let whole = try Operations.activate(try conv(map), .relu)
            let alone = try channels(
                try Operations.activate(try conv(dense), .relu), where: { kind($0, l) == 0 })
            let used = try channels(whole, where: { kind($0, l) < 2 })
            map = try SparseTest.select(used, flags, else: alone)
            dense = try channels(map, where: { kind($0, l) == 0 })
            all.append(map)
        }
        let collect = try #require(block.submodules[layers].module as? Conv2d)
        return try collect(try Operations.concatenate(all, axis: -1))
    }

    @Test(arguments: [nil, 1, 2], [false, true])
    func bothFormsEqualTheDefinition(_ allSparse: Int?, _ asMaps: Bool) throws {
        let block = try Self.block(allSparse: allSparse)
        let x = try Tensor.random([2, 18, 23, Self.channels])
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 18, width: 23))
            let expected = try Self.reference(
                x, try mask.flags(), block, allSparse: allSparse)
            for isa in KernelISA.supported {
                for threads in 1...2 {
                    let found = try Runtime.with(isa: isa, threads: threads) {
                        try block.features(of: x, mask: mask, asMaps: asMaps)
                    }
                    let error = try found.maximumDifference(from: expected)
                    #expect(error < 2e-5, "\(pattern) \(isa) \(threads)")
                }
            }
        }
    }

    @Test(arguments: [nil, 0, 1], [false, true])
    func knownDenseChannelsOfTheFirstLayerAreUsed(_ allSparse: Int?, _ asMaps: Bool) throws {
        let block = try Self.block(allSparse: allSparse)
        let x = try Tensor.random([2, 18, 23, Self.channels])
        let first = try block.firstDense().map { try Operations.activate(try $0(x), .relu) }
        #expect((first == nil) == (allSparse == 0))
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 18, width: 23))
            let expected = try Self.reference(x, try mask.flags(), block, allSparse: allSparse)
            let found = try block.features(of: x, mask: mask, asMaps: asMaps, firstDense: first)
            #expect(try found.maximumDifference(from: expected) < 2e-5, "\(pattern)")
        }
    }

    /// The mask's first convolution and the first dense channels as one or each apart; every channel's
    /// sum is the same.
    /// Its last convolution, from one channel to one, is a depthwise one.
    @Test(arguments: [true, false]) func oneChannelAndOneLayer(_ asMaps: Bool) throws {
        let block = try SparseMaskBlock(channels: 1, layers: 1, seed: 5)
        try block.channelMask.set(try Tensor([1, 0], shape: [1, 1, 1, 2]))
        let x = try Tensor.random([2, 7, 3, 1])
        let mask = try MaskPattern.allCases[0].plan(batch: 2, size: Size2d(height: 7, width: 3))
        let y = try block.features(of: x, mask: mask, asMaps: asMaps)
        let body = try #require(block.submodules[0].module as? Conv2d)
        let collect = try #require(block.submodules[1].module as? Conv2d)
        let expected = try collect(try Operations.activate(try body(x), .relu))
        #expect(try y.maximumDifference(from: expected) <= 1e-6)
    }

    @Test func bothFormsCountTheSameWork() throws {
        let block = try Self.block()
        let x = try Tensor.random([1, 16, 16, Self.channels])
        let mask = try MaskPattern.cells4.plan(batch: 1, size: 16)
        let costs = try [false, true].map { asMaps in
            let trace = Trace()
            _ = try trace.recording { try block.features(of: x, mask: mask, asMaps: asMaps) }
            return trace.totalCost
        }
        #expect(costs[0].multiplyAdds == costs[1].multiplyAdds)
        #expect(costs[1].executedShare > mask.density)
        #expect(costs[1].executedShare < 1)
    }

    @Test func fullMasksAreMapsAndEmptyOnesRows() throws {
        let block = try SparseMaskBlock(channels: 64, layers: 4)
        let values = (0..<512).map { Float($0 % 2) }
        try block.channelMask.set(try Tensor(values, shape: [1, 64, 4, 2]))
        let size = Size2d(height: 64, width: 64), x = try Tensor.random([1, 64, 64, 64])
        let full = try MaskPlan(bytes: (0..<4096).map { $0 < 3000 ? 1 : 0 }, size: size)
        let maps = try block.features(of: x, mask: full, asMaps: true)
        #expect(try block(x, mask: full).hasBits(of: maps))
        let rare = try MaskPlan(bytes: (0..<4096).map { $0 % 97 == 0 ? 1 : 0 }, size: size)
        let rows = try block.features(of: x, mask: rare, asMaps: false)
        #expect(try block(x, mask: rare).hasBits(of: rows))
    }

    @Test func bothFormsEqualTheDefinitionByDefiningSumsToo() async {
        await #expect(processExitsWith: .success) {
            Runtime.setExactness(.direct)
            let block = try Self.block(), x = try Tensor.random([2, 18, 23, Self.channels])
            let size = Size2d(height: 18, width: 23)
            for pattern in MaskPattern.allCases {
                let mask = try pattern.plan(batch: 2, size: size)
                let expected = try Self.reference(
                    x, try mask.flags(), block, allSparse: nil)
                for asMaps in [false, true] {
                    let found = try block.features(of: x, mask: mask, asMaps: asMaps)
                    try #require(try found.maximumDifference(from: expected) < 2e-5)
                }
            }
        }
    }
}
