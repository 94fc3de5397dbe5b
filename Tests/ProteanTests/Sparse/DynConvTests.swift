import Testing

@testable import Protean

@Suite struct DynConvTests {
    /// Values that would show swapped or unused parameters.
    static func randomise(_ module: any Module) throws {
        for (index, named) in module.allParameters().enumerated() {
            let shape = named.parameter.shape
            let positive = named.name.hasSuffix("running_var")
            let range: ClosedRange<Float> = positive ? 0.5...2 : -0.3...0.3
            try named.parameter.set(
                Initializer.uniform(shape, in: range, seed: UInt64(index) + 11))
        }
    }

    /// A part of `block`, computed as the definition writes it.
    static func fused(
        _ block: any Module, _ conv: String, _ norm: String, _ activation: Activation
    ) throws -> FusedConv2d {
        let found = try #require(block.module(at: conv) as? Conv2d)
        let geometry = found.geometry
        let direct = try Conv2d(
            weight: found.weight.value, stride: geometry.stride, padding: geometry.padding,
            dilation: geometry.dilation, groups: geometry.groups, algorithm: .direct)
        return try FusedConv2d(
            direct, try #require(block.module(at: norm) as? BatchNorm2d), activation)
    }

    @Test(arguments: [(1, false, 1, 1), (2, true, 1, 1), (1, true, 2, 2)])
    func bottleneckEqualsTheDenseFormulaBitForBit(
        _ stride: Int, _ downsample: Bool, _ groups: Int, _ dilation: Int
    ) throws {
        let block = try DynConvBottleneck(
            inputChannels: 24, planes: 6, stride: stride, downsample: downsample, groups: groups,
            dilation: dilation)
        try Self.randomise(block)
        let x = try Tensor.random([2, 11, 9, 24])
        let conv1 = try Self.fused(block, "conv1", "bn1", .relu)
        let conv2 = try Self.fused(block, "conv2", "bn2", .relu)
        let conv3 = try Self.fused(block, "conv3", "bn3", .relu)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let identity =
                    downsample
                    ? try (block.module(at: "downsample") as! Sequential)(x) : x
                let whole = try conv3(try conv2(try conv1(x)), residual: identity)
                let off = try Operations.activate(identity, .relu)
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(batch: 2, size: SparseTest.size(whole.shape))
                    let expected = try SparseTest.select(whole, try mask.flags(), else: off)
                    #expect(try block(x, mask: mask).hasBits(of: expected), "\(isa) \(pattern)")
                }
            }
        }
    }

    @Test func updatesInPlaceGiveTheSame() throws {
        let block = try DynConvBottleneck(inputChannels: 24, planes: 6)
        let basic = try DynConvBasicBlock(inputChannels: 24, planes: 24)
        try Self.randomise(block)
        try Self.randomise(basic)
        let x = try Operations.activate(try Tensor.random([2, 12, 9, 24]), .relu)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 12, width: 9))
            var y = x
            try block.update(&y, mask: mask)
            #expect(try y.hasBits(of: try block(x, mask: mask)))
            y = x
            try basic.update(&y, mask: mask)
            #expect(try y.hasBits(of: try basic(x, mask: mask)))
        }
        #expect(throws: ProteanError.self) {
            let wide = try DynConvBottleneck(inputChannels: 8, planes: 6, downsample: true)
            var y = x
            try wide.update(&y, mask: try MaskPattern.all.plan(batch: 2, size: 12))
        }
    }

    @Test(arguments: [(1, false), (2, true)])
    func basicBlockFollowsItsFormula(_ stride: Int, _ downsample: Bool) throws {
        let block = try DynConvBasicBlock(
            inputChannels: 16, planes: downsample ? 24 : 16, stride: stride,
            downsample: downsample)
        try Self.randomise(block)
        let x = try Tensor.random([2, 13, 9, 16])
        let first = try Self.fused(block, "conv1", "bn1", .relu)
        let second = try Self.fused(block, "conv2", "bn2", .relu)
        let identity = downsample ? try (block.module(at: "downsample") as! Sequential)(x) : x
        let whole = try second(try first(x), residual: identity)
        let off = try Operations.activate(identity, .relu)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: SparseTest.size(whole.shape))
            let expected = try SparseTest.select(whole, try mask.flags(), else: off)
            #expect(try block(x, mask: mask).maximumDifference(from: expected) < 1e-4)
        }
    }

    @Test func invertedResidualEqualsTheDenseFormulaBitForBit() throws {
        let block = try DynConvInvertedResidual(channels: 10, expandRatio: 3.3)
        try Self.randomise(block)
        let x = try Tensor.random([2, 9, 14, 10])
        let expand = try Self.fused(block, "conv.0", "conv.1", .relu6)
        let depthwise = try Self.fused(block, "conv.3", "conv.4", .relu6)
        let project = try Self.fused(block, "conv.6", "conv.7", .identity)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let whole = try project(try depthwise(try expand(x)), residual: x)
                #expect(try block.dense(x).hasBits(of: whole))
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(batch: 2, size: Size2d(height: 9, width: 14))
                    let expected = try SparseTest.select(whole, try mask.flags(), else: x)
                    #expect(try block(x, mask: mask).hasBits(of: expected), "\(isa) \(pattern)")
                }
            }
        }
    }

    @Test func masksComeFromBothParts() throws {
        let unit = try DynConvMaskUnit(channels: 5, stride: 2)
        try Self.randomise(unit)
        let x = try Tensor.random([3, 7, 6, 5])
        let conv = try #require(unit.module(at: "maskconv.conv") as? Conv2d)
        let fc = try #require(unit.module(at: "maskconv.fc") as? Linear)
        let logits = try conv(x).elements
        let pooled = try fc(try Operations.globalAveragePool(x)).elements
        let expected = logits.indices.map { logits[$0] + pooled[$0 / 12] >= 0 }
        #expect(try unit(x).flags() == expected)
        #expect(Set(expected).count == 2)
        let pointwise = try DynConvMaskUnit(channels: 5, kind: .pointwise)
        #expect(pointwise.allParameters().map(\.name) == ["maskconv.weight", "maskconv.bias"])
        #expect(try pointwise(x).size == Size2d(height: 7, width: 6))
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

    /// Without values all pixels count.
    @Test func costsWithoutValuesAreUpperBounds() throws {
        let block = try DynConvInvertedResidual(
            channels: 8, expandRatio: 4, maskUnit: .squeeze)
        let cost = try block.cost(for: [2, 6, 5, 8])
        let pixels = 2 * 6 * 5
        #expect(cost.multiplyAdds == pixels * (2 * 8 * 32 + 9 * 32 + 9 * 8) + 2 * 8)
        #expect(cost.executedMultiplyAdds == cost.multiplyAdds)
        let pose = try DynConvInvertedResidual(channels: 8, expandRatio: 4)
        #expect(try pose.outputShape(for: [0, 6, 5, 8]) == [0, 6, 5, 8])
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "MaskPlan", tensor: "map", expected: "[batch, height, width, channels]",
                found: [6, 5])
        ) { try MaskPlan(allOf: Tensor(zeros: [6, 5])) }
    }

    @Test func submanifoldsStayWhatTheyAre() throws {
        let layer = try SubmanifoldConv2d(
            inputChannels: 7, outputChannels: 20, kernelSize: Size2d(height: 3, width: 5),
            dilation: 2)
        let x = try Tensor.random([2, 11, 8, 7])
        let direct = try Conv2d(
            weight: layer.conv.weight.value, bias: layer.conv.bias?.value,
            padding: .symmetric(height: 2, width: 4), dilation: 2, algorithm: .direct)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 11, width: 8))
            let flags = try mask.flags()
            let dense = try direct(try SparseTest.select(x, flags))
            #expect(try layer(x, mask: mask).hasBits(of: try SparseTest.select(dense, flags)))
            let rows = try layer.rows(try SparseTest.rows(x, flags), mask: mask)
            #expect(try rows.hasBits(of: try SparseTest.rows(dense, flags)))
        }
        #expect(throws: ProteanError.self) {
            try SubmanifoldConv2d(inputChannels: 1, outputChannels: 1, kernelSize: 2)
        }
    }

    @Test func sizesThatDoNotFitAreRefused() {
        #expect(throws: ProteanError.self) { try DynConvBottleneck(inputChannels: 8, planes: 6) }
        #expect(throws: ProteanError.self) {
            try DynConvBasicBlock(inputChannels: 8, planes: 8, stride: 2)
        }
        #expect(throws: ProteanError.self) {
            try DynConvInvertedResidual(channels: 8, expandRatio: 1)
        }
    }
}
