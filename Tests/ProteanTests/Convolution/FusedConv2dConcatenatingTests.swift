import CProteanKernels
import Testing

@testable import Protean

/// A convolution of several maps' channels equals that of the concatenated map.
@Suite struct FusedConv2dConcatenatingTests {
    private static func fused(
        _ inputs: Int, _ outputs: Int, kernel: Int = 1, activation: Activation = .relu
    ) throws -> FusedConv2d {
        let conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            padding: .symmetric(kernel / 2), seed: 3)
        let norm = try BatchNorm2d(channels: outputs)
        try norm.runningMean.set(.random([outputs], seed: 4))
        return try FusedConv2d(conv, norm, activation)
    }

    private static func maps(_ shape: [Int], _ channels: [Int]) throws -> [Tensor] {
        try channels.enumerated().map { try Tensor.random(shape + [$1], seed: UInt64($0 + 1)) }
    }

    @Test(arguments: [[1, 13, 17], [3, 9, 5], [0, 4, 4], [1, 1, 1], [2, 41, 37]])
    func bitsAreThoseOfTheConcatenatedMap(_ shape: [Int]) throws {
        for (channels, outputs) in [
            ([16, 16, 16, 16], 70), ([33, 33], 20), ([7, 7, 7], 45), ([5], 19),
            ([4, 9, 2], 21), ([16, 16], 3), ([8, 8], 2), ([40, 40], 1),
        ] {
            let layer = try Self.fused(channels.reduce(0, +), outputs)
            let maps = try Self.maps(shape, channels)
            let x = try Operations.concatenate(maps, axis: -1)
            let residual = try Tensor.random(shape + [outputs], seed: 9)
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let note: Comment = "\(channels) \(outputs) \(isa) \(threads)"
                    let y = try layer(concatenating: maps), expected = try layer(x)
                    #expect(y.isBitEqual(to: expected), note)
                    let sum = try layer(concatenating: maps, residual: residual)
                    let expectedSum = try layer(x, residual: residual)
                    #expect(sum.isBitEqual(to: expectedSum), note)
                }
            }
        }
    }

    @Test func largeWeightsAreCutLikeThoseOfOneMap() throws {
        let layer = try Self.fused(1536, 300), maps = try Self.maps([1, 5, 7], [512, 512, 512])
        let x = try Operations.concatenate(maps, axis: -1)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let y = try layer(concatenating: maps), expected = try layer(x)
                #expect(y.isBitEqual(to: expected), "\(isa) \(threads)")
            }
        }
    }

    @Test func kernelsOfOtherSizesTakeTheConcatenatedMap() throws {
        let layer = try Self.fused(12, 10, kernel: 3), maps = try Self.maps([2, 6, 9], [6, 6])
        let x = try Operations.concatenate(maps, axis: -1)
        let y = try layer(concatenating: maps), expected = try layer(x)
        #expect(y.isBitEqual(to: expected))
    }

    @Test func nothingIsConcatenated() async {
        await #expect(processExitsWith: .success) {
            let layer = try Self.fused(48, 32), maps = try Self.maps([1, 12, 9], [16, 16, 16])
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 1) {
                    _ = try layer(concatenating: maps)
                    #expect(try allocations { _ = try layer(concatenating: maps) } == 1)
                }
            }
        }
    }

    @Test func theTraceIsThatOfTheConcatenatedMap() throws {
        let layer = try Self.fused(48, 32), maps = try Self.maps([1, 12, 9], [16, 16, 16])
        let x = try Operations.concatenate(maps, axis: -1)
        let traces = [Trace(), Trace()]
        _ = try traces[0].recording { try layer(concatenating: maps) }
        _ = try traces[1].recording { try layer(x) }
        #expect(traces[0].events.map(\.inputShape) == traces[1].events.map(\.inputShape))
        #expect(traces[0].totalCost == traces[1].totalCost)
        let shapes = try maps.map { try Tensor(shapeOnly: $0.shape) }
        #expect(try layer(concatenating: shapes).shape == [1, 12, 9, 32])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let layer = try Self.fused(48, 32)
        for shapes in [
            [[1, 4, 4, 24], [1, 4, 5, 24]], [[1, 4, 4, 24], [1, 4, 4, 23]], [],
            [[4, 4, 24], [4, 4, 24]],
        ] {
            let maps = try shapes.map { try Tensor.random($0) }
            #expect(throws: ProteanError.self) { try layer(concatenating: maps) }
        }
        let maps = try Self.maps([1, 4, 4], [24, 24])
        #expect(throws: ProteanError.self) {
            try layer(concatenating: maps, residual: Tensor(zeros: [1, 4, 4, 31]))
        }
    }

    @Test(arguments: KernelISA.supported)
    func theKernelRefusesWhatItDoesNotDefine(_ isa: KernelISA) throws {
        let maps = try Self.maps([1, 4, 5], [8, 8]), bases = maps.map(\.storage!.base)
        var runtime = ptn_runtime(isa: isa.kernelValue, threads: 2)
        func status(_ count: Int = 2, _ change: (inout ptn_conv2d_shape) -> Void) -> ptn_status {
            var shape = ptn_conv2d_shape(
                n: 1, h: 4, w: 5, c: 16, k: 20, kh: 1, kw: 1, stride_h: 1, stride_w: 1,
                dilation_h: 1, dilation_w: 1, pad_top: 0, pad_bottom: 0, pad_left: 0,
                pad_right: 0, groups: 1, choice: PTN_CONV2D_FORCE_DIRECT)
            change(&shape)
            var epilogue = ptn_conv2d_epilogue()
            var packed = [Float](repeating: 0, count: 4096), y = packed
            let inputs = bases.map { Optional(UnsafePointer($0)) }
            return ptn_conv2d_maps(&runtime, &shape, inputs, count, &packed, &epilogue, &y)
        }
        withExtendedLifetime(maps) {
            #expect(status { _ in } == PTN_OK)
            #expect(status(0) { _ in } == PTN_BAD_ARGUMENT)
            #expect(status { $0.c = 17 } == PTN_BAD_ARGUMENT)
            #expect(status { ($0.kh, $0.pad_top) = (3, 2) } == PTN_BAD_ARGUMENT)
            #expect(status { $0.stride_w = 2 } == PTN_BAD_ARGUMENT)
            #expect(status { $0.pad_left = 1 } == PTN_BAD_ARGUMENT)
            #expect(status { $0.groups = 2 } == PTN_BAD_ARGUMENT)
            // What other choices come to depends on the instruction set; the limit does not.
            for outputs in [1, 2, 8, 20] {
                #expect(status { $0.k = outputs } == PTN_OK)
                for choice in [PTN_CONV2D_AUTO, PTN_CONV2D_SUMS, PTN_CONV2D_WINOGRAD] {
                    #expect(status { ($0.k, $0.choice) = (outputs, choice) } == PTN_BAD_ARGUMENT)
                }
            }
        }
    }
}
