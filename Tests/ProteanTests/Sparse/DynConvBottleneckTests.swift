import Testing

@testable import Protean

@Suite struct DynConvBottleneckTests {
    @Test(arguments: [(1, false, 1, 1), (2, true, 1, 1), (1, true, 2, 2)])
    func equalsTheDenseFormulaBitForBit(
        _ stride: Int, _ downsample: Bool, _ groups: Int, _ dilation: Int
    ) throws {
        let block = try DynConvBottleneck(
            inputChannels: 24, planes: 6, stride: stride, downsample: downsample, groups: groups,
            dilation: dilation)
        try block.randomise()
        let x = try Tensor.random([2, 11, 9, 24])
        let conv1 = try block.fusedDirect("conv1", "bn1", .relu)
        let conv2 = try block.fusedDirect("conv2", "bn2", .relu)
        let conv3 = try block.fusedDirect("conv3", "bn3", .relu)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let identity = try Self.shortcut(of: block, x)
                let whole = try conv3(try conv2(try conv1(x)), residual: identity)
                let off = try Operations.activate(identity, .relu)
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(batch: 2, size: SparseTest.size(whole.shape))
                    let expected = try SparseTest.select(whole, try mask.flags(), else: off)
                    for threads in 1...3 {
                        let found = try Runtime.with(threads: threads) { try block(x, mask: mask) }
                        #expect(try found.hasBits(of: expected), "\(isa) \(pattern) \(threads)")
                    }
                }
            }
        }
    }

    /// What the block adds to: the downsampled input where there is a downsampling.
    static func shortcut(of block: any Module, _ x: Tensor) throws -> Tensor {
        guard let downsample = block.module(at: "downsample") as? Sequential else { return x }
        return try downsample(x)
    }

    @Test func theMaskIsTheMaskUnits() throws {
        let block = try DynConvBottleneck(inputChannels: 12, planes: 3)
        try block.randomise()
        let x = try Tensor.random([3, 7, 10, 12])
        let mask = try block.masker(x)
        #expect(mask.count > 0 && mask.density < 1)
        try MapTest.everywhere {
            try block(x)
        } check: { isa, y in
            let expected = try Runtime.with(isa: isa) { try block(x, mask: block.masker(x)) }
            #expect(try y.hasBits(of: expected), "\(isa)")
        }
        #expect(try block(Tensor(zeros: [0, 7, 10, 12])).shape == [0, 7, 10, 12])
    }

    @Test func updatesInPlaceGiveTheSame() throws {
        let block = try DynConvBottleneck(inputChannels: 24, planes: 6)
        try block.randomise()
        let x = try Operations.activate(try Tensor.random([2, 12, 9, 24]), .relu)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 12, width: 9))
            var y = x
            try block.update(&y, mask: mask)
            #expect(try y.hasBits(of: try block(x, mask: mask)))
        }
        #expect(throws: ProteanError.self) {
            let wide = try DynConvBottleneck(inputChannels: 8, planes: 6, downsample: true)
            var y = x
            try wide.update(&y, mask: try MaskPattern.all.plan(batch: 2, size: 12))
        }
    }

    @Test func costsSayWhatWasExecuted() throws {
        let block = try DynConvBottleneck(inputChannels: 24, planes: 6)
        block.assignLabels(prefix: "layer1.0")
        let mask = try MaskPattern.one.plan(batch: 1, size: 12)
        let trace = Trace()
        _ = try trace.recording { try block(try Tensor.random([1, 12, 12, 24]), mask: mask) }
        let steps = trace.events.filter { $0.layer == "MaskedConv2d" }
        #expect(steps.map(\.path) == ["conv1", "conv2", "conv3"].map { "layer1.0.\($0)" })
        #expect(steps[1].cost.executedMultiplyAdds == 6 * 54)
        #expect(steps[0].cost.multiplyAdds == 144 * 24 * 6)
    }

    @Test func shapesPassWithoutValues() throws {
        let block = try DynConvBottleneck(
            inputChannels: 8, planes: 5, stride: 2, downsample: true)
        #expect(try block.outputShape(for: [2, 9, 7, 8]) == [2, 5, 4, 20])
        let cost = try block.cost(for: [2, 9, 7, 8])
        #expect(cost.parameters == block.parameterCount)
        #expect(cost.executedMultiplyAdds == cost.multiplyAdds)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "downsample") {
            _ = try DynConvBottleneck(inputChannels: 8, planes: 6)
        }
        let block = try DynConvBottleneck(inputChannels: 8, planes: 2)
        expectMismatch(of: "x") { _ = try block(Tensor(zeros: [1, 5, 5, 9])) }
        let small = try MaskPattern.all.plan(batch: 1, size: Size2d(height: 5, width: 4))
        expectMismatch(of: "mask") { _ = try block(Tensor(zeros: [1, 5, 5, 8]), mask: small) }
    }
}
