import Testing

@testable import Protean

/// Channels that every row chooses for itself: the bits of the whole layer with zeros in the other
/// channels.
@Suite struct SelectedConv2dTests {
    /// Lists of various lengths: all, none, one, every second one and others.
    static func plan(_ batch: Int, _ channels: Int, seed: Int) throws -> ChannelPlan {
        let lists = (0..<batch).map { row -> [Int] in
            switch (row + seed) % 6 {
            case 0: Array(0..<channels)
            case 1: (0..<channels).filter { $0 % 2 == 0 }
            case 2: [channels - 1]
            case 3: (0..<channels).filter { ($0 * 5 + seed) % 7 < 3 }
            case 4: []
            default: Array(channels / 3..<max(channels / 3, channels - 1))
            }
        }
        return try ChannelPlan(lists: lists, channels: channels)
    }

    static func masked(_ map: Tensor, by plan: ChannelPlan) throws -> Tensor {
        let old = map.elements, mask = try plan.mask().elements, channels = plan.channels
        let each = map.count / max(map.shape[0], 1)
        let values = old.indices.map {
            mask[$0 / each * channels + $0 % channels] == 0 ? 0 : old[$0]
        }
        return try Tensor(values, shape: map.shape)
    }

    @Test(arguments: ConvolutionCase.all, SelectedConv2dWay.allCases)
    func chosenChannelsEqualTheMaskedLayer(
        test: ConvolutionCase, way: SelectedConv2dWay
    ) throws {
        let conv = try test.layer()
        let selected = try SelectedConv2d(conv, way: way)
        let epilogue = Conv2dEpilogue(activation: .relu)
        for batch in [0, 1, 3, 7] {
            let x = try test.input(batch)
            let inputs = try Self.plan(batch, test.inputs, seed: batch)
            let outputs = try Self.plan(batch, test.outputs, seed: batch + 3)
            for (read, written) in [(inputs, outputs), (inputs, nil), (nil, outputs)]
                as [(ChannelPlan?, ChannelPlan?)]
            {
                let zeroed = try read.map { try Self.masked(x, by: $0) } ?? x
                try MapTest.everywhere {
                    try selected(x, inputs: read, outputs: written, epilogue: epilogue)
                } check: { isa, y in
                    try Runtime.with(isa: isa) {
                        let all = try conv(zeroed, epilogue: epilogue)
                        let expected = try written.map { try Self.masked(all, by: $0) } ?? all
                        #expect(expected.isBitEqual(to: y), "\(test), \(isa), \(batch)")
                    }
                }
            }
        }
    }

    @Test(arguments: [Conv2dAlgorithm.direct, .winograd4x4], SelectedConv2dWay.allCases)
    func largeMapsHaveEpilogues(algorithm: Conv2dAlgorithm, way: SelectedConv2dWay) throws {
        let conv = try Conv2d(
            inputChannels: 48, outputChannels: 130, kernelSize: 3, padding: 1, bias: false,
            algorithm: algorithm)
        let selected = try SelectedConv2d(conv, way: way)
        let x = try MapTest.tensor([6, 17, 19, 48])
        let inputs = try Self.plan(6, 48, seed: 2), outputs = try Self.plan(6, 130, seed: 1)
        let epilogue = Conv2dEpilogue(
            activation: .silu, residual: try MapTest.tensor([6, 17, 19, 130], seed: 2),
            residualAfterActivation: true, gate: try MapTest.tensor([6, 130], seed: 3),
            factor: try MapTest.tensor([6, 17, 19, 130], seed: 4))
        let zeroed = try Self.masked(x, by: inputs)
        try MapTest.everywhere {
            try selected(x, inputs: inputs, outputs: outputs, epilogue: epilogue)
        } check: { isa, y in
            try Runtime.with(isa: isa) {
                let all = try conv(zeroed, epilogue: epilogue)
                let expected = try Self.masked(all, by: outputs)
                #expect(expected.isBitEqual(to: y), "\(isa)")
            }
        }
    }

    @Test(arguments: [Conv2dAlgorithm.winograd4x4, .winograd6x6], SelectedConv2dWay.allCases)
    func guardCompletesRows(algorithm: Conv2dAlgorithm, way: SelectedConv2dWay) throws {
        let conv = try Conv2d(
            inputChannels: 16, outputChannels: 40, kernelSize: 3, padding: 1, algorithm: algorithm)
        let selected = try SelectedConv2d(conv, way: way)
        var values = MapTest.values(3 * 17 * 15 * 16, seed: 3)
        values[17 * 15 * 16 + 1600] = 1e6
        let x = try Tensor(values, shape: [3, 17, 15, 16])
        let inputs = try ChannelPlan(
            lists: [[0, 1, 5], [0, 2, 3, 9, 12], Array(0..<16)], channels: 16)
        let outputs = try Self.plan(3, 40, seed: 1)
        let zeroed = try Self.masked(x, by: inputs)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads, exactness: .guarded) {
                let record = WinogradGuardRecord()
                let y = try record.recording {
                    try selected(x, inputs: inputs, outputs: outputs)
                }
                #expect(record.leftOut > 0)
                let all = try conv(zeroed)
                let same = try Self.masked(all, by: outputs).isBitEqual(to: y)
                #expect(same, "\(isa), \(way)")
            }
        }
    }

    /// Values that are not chosen are not read.
    @Test(arguments: SelectedConv2dWay.allCases)
    func otherChannelsAreNotRead(way: SelectedConv2dWay) throws {
        let test = ConvolutionCase.dense[0], conv = try test.layer()
        let selected = try SelectedConv2d(conv, way: way)
        let inputs = try Self.plan(4, test.inputs, seed: 1)
        let x = try test.input(4)
        var spoiled = x.elements
        let mask = try inputs.mask().elements, each = x.count / 4
        for i in spoiled.indices where mask[i / each * test.inputs + i % test.inputs] == 0 {
            spoiled[i] = .nan
        }
        let y = try selected(x, inputs: inputs, outputs: nil)
        let other = try selected(Tensor(spoiled, shape: x.shape), inputs: inputs, outputs: nil)
        #expect(y.isBitEqual(to: other))
    }

    @Test func theWayCanBeForced() throws {
        let test = ConvolutionCase.dense[0], conv = try test.layer()
        let selected = try SelectedConv2d(conv), x = try test.input(4)
        let outputs = try Self.plan(4, test.outputs, seed: 1)
        for way in [SelectedConv2dWay.compact, .panels] {
            let run = SelectedConv2dRun(inputs: nil, outputs: outputs, way: way, layer: "test")
            let used = try run(x, selected.plans, Conv2dEpilogue()).way
            #expect(used == way)
        }
        let automatic = SelectedConv2dRun(
            inputs: nil, outputs: outputs, way: .automatic, layer: "test")
        let used = try automatic(x, selected.plans, Conv2dEpilogue()).way
        #expect(used != .automatic)
    }

    @Test func executedProductsAreCounted() throws {
        let test = ConvolutionCase.dense[0], selected = try SelectedConv2d(test.layer())
        let inputs = try ChannelPlan(lists: [[0, 3], [], [1, 2, 36]], channels: 37)
        let outputs = try ChannelPlan(lists: [[0, 1, 49], [4], [7]], channels: 50)
        let products = try selected.multiplyAdds(
            for: [3, 9, 7, 37], inputs: inputs, outputs: outputs)
        #expect(products == [9 * 7 * 9 * 6, 0, 9 * 7 * 9 * 3])
        let trace = Trace()
        _ = try trace.recording {
            try selected(Tensor(shapeOnly: [3, 9, 7, 37]), inputs: inputs, outputs: outputs)
        }
        #expect(trace.totalCost.executedMultiplyAdds == 9 * 7 * 9 * 9)
        #expect(trace.totalCost.multiplyAdds == 3 * 9 * 7 * 9 * 37 * 50)
        let depthwise = try SelectedConv2d(ConvolutionCase.grouped[3].layer())
        let both = try ChannelPlan(lists: [[0, 3, 20]], channels: 21)
        let other = try ChannelPlan(lists: [[3, 4]], channels: 21)
        let pairs = try depthwise.multiplyAdds(for: [1, 9, 7, 21], inputs: other, outputs: both)
        #expect(pairs == [9 * 7 * 9])
    }

    @Test func plansThatDoNotFitAreRefused() throws {
        let test = ConvolutionCase.dense[0], selected = try SelectedConv2d(test.layer())
        let x = try test.input(2)
        for lists in [[[1, 1]], [[3, 2]], [[50]], [[-1]]] {
            #expect(throws: ProteanError.self) { try ChannelPlan(lists: lists, channels: 50) }
        }
        let one = try ChannelPlan(lists: [[1]], channels: 50)
        let narrow = try ChannelPlan(lists: [[1], [2]], channels: 49)
        for plan in [one, narrow] {
            #expect(throws: ProteanError.self) { try selected(x, outputs: plan) }
            #expect(throws: ProteanError.self) { try selected(x, inputs: plan, outputs: nil) }
        }
    }

    @Test func plansListAndNarrow() throws {
        let gates = try Tensor([0, 2, -1, 0, 0, 0, .nan, 1, 0], shape: [3, 3])
        let plan = try ChannelPlan(nonzero: gates)
        #expect((0..<3).map { plan.channels(of: $0) } == [[1, 2], [], [0, 1]])
        #expect(plan.count == 4 && plan.count(of: 2) == 2 && plan.batch == 3)
        let rows = try plan.rows(RowPlan(rows: [0, 2], batch: 3))
        #expect(rows == (try ChannelPlan(lists: [[1, 2], [0, 1]], channels: 3)))
        #expect(try plan.mask().elements == [0, 1, 1, 0, 0, 0, 1, 1, 0])
    }
}
