import Testing

@testable import Protean

/// First channels of a convolution: the bits of the whole layer with zeros in the channels that are
/// missing.
@Suite struct SlicedConv2dTests {
    /// `x` with zeros for the channels that it has not.
    static func widened(_ x: Tensor, to channels: Int) throws -> Tensor {
        let old = x.elements, width = x.shape.last!
        var values = [Float](repeating: 0, count: x.count / width * channels)
        for i in old.indices { values[i / width * channels + i % width] = old[i] }
        return try Tensor(values, shape: x.shape.dropLast() + [channels])
    }

    /// The first `channels` channels.
    static func narrowed(_ y: Tensor, to channels: Int) throws -> Tensor {
        let old = y.elements, width = y.shape.last!
        let values = (0..<y.count / width * channels).map {
            old[$0 / channels * width + $0 % channels]
        }
        return try Tensor(values, shape: y.shape.dropLast() + [channels])
    }

    @Test(arguments: ConvolutionCase.dense, [0, 1, 3])
    func prefixesEqualTheMaskedLayer(test: ConvolutionCase, batch: Int) throws {
        let conv = try test.layer(), sliced = SlicedConv2d(conv)
        let epilogue = Conv2dEpilogue(activation: .relu)
        for inputs in Set([1, test.inputs / 3, test.inputs / 2, test.inputs - 1, test.inputs])
        where inputs > 0 {
            for outputs in Set([1, test.outputs / 2, test.outputs - 1, test.outputs])
            where outputs > 0 {
                let x = try test.input(batch, channels: inputs, seed: UInt64(inputs + outputs))
                let wide = try Self.widened(x, to: test.inputs)
                try MapTest.everywhere {
                    try sliced(x, outputChannels: outputs, epilogue: epilogue)
                } check: { isa, y in
                    try Runtime.with(isa: isa) {
                        let whole = try conv(wide, epilogue: epilogue)
                        let same = try Self.narrowed(whole, to: outputs).isBitEqual(to: y)
                        #expect(same, "\(test), \(isa): \(inputs) to \(outputs)")
                    }
                }
            }
        }
    }

    @Test(arguments: ConvolutionCase.grouped, [1, 3])
    func prefixesAreWholeGroups(test: ConvolutionCase, batch: Int) throws {
        let conv = try test.layer(), sliced = SlicedConv2d(conv)
        let into = test.inputs / test.groups, out = test.outputs / test.groups
        for groups in Set([1, test.groups / 3, test.groups / 2, test.groups - 1, test.groups])
        where groups > 0 {
            let x = try test.input(batch, channels: groups * into)
            let wide = try Self.widened(x, to: test.inputs)
            try MapTest.everywhere {
                try sliced(x)
            } check: { isa, y in
                try Runtime.with(isa: isa) {
                    let whole = try conv(wide)
                    let same = try Self.narrowed(whole, to: groups * out).isBitEqual(to: y)
                    #expect(same, "\(test), \(isa): \(groups) groups")
                }
            }
        }
    }

    /// Large enough for several threads, blocks and panels, with the whole epilogue.
    @Test(arguments: [Conv2dAlgorithm.direct, .winograd4x4, .winograd6x6])
    func largePrefixesHaveEpilogues(algorithm: Conv2dAlgorithm) throws {
        let conv = try Conv2d(
            inputChannels: 72, outputChannels: 150, kernelSize: 3, padding: 1, bias: false,
            algorithm: algorithm)
        let sliced = SlicedConv2d(conv)
        let x = try MapTest.tensor([5, 23, 21, 50])
        let epilogue = Conv2dEpilogue(
            activation: .relu, residual: try MapTest.tensor([5, 23, 21, 101], seed: 2),
            gate: try MapTest.tensor([5, 101], seed: 3))
        let whole = Conv2dEpilogue(
            activation: .relu, residual: try Self.widened(epilogue.residual!, to: 150),
            gate: try Self.widened(epilogue.gate!, to: 150))
        let wide = try Self.widened(x, to: 72)
        try MapTest.everywhere {
            try sliced(x, outputChannels: 101, epilogue: epilogue)
        } check: { isa, y in
            try Runtime.with(isa: isa) {
                let all = try conv(wide, epilogue: whole)
                let same = try Self.narrowed(all, to: 101).isBitEqual(to: y)
                #expect(same, "\(isa)")
            }
        }
    }

    @Test(arguments: [Conv2dAlgorithm.winograd4x4, .winograd6x6])
    func guardCompletesSlices(algorithm: Conv2dAlgorithm) throws {
        let conv = try Conv2d(
            inputChannels: 16, outputChannels: 40, kernelSize: 3, padding: 1, algorithm: algorithm)
        let sliced = SlicedConv2d(conv)
        var values = MapTest.values(3 * 17 * 15 * 9, seed: 3)
        values[17 * 15 * 9 + 1000] = 1e6
        let x = try Tensor(values, shape: [3, 17, 15, 9])
        let wide = try Self.widened(x, to: 16)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads, exactness: .guarded) {
                let record = WinogradGuardRecord()
                let y = try record.recording { try sliced(x, outputChannels: 21) }
                #expect(record.leftOut > 0)
                let whole = try conv(wide)
                let same = try Self.narrowed(whole, to: 21).isBitEqual(to: y)
                #expect(same, "\(isa)")
            }
        }
    }

    @Test(arguments: [true, false])
    func scaleAndShiftFollowTheSums(bias: Bool) throws {
        let test = ConvolutionCase.dense[0]
        let sliced = SlicedConv2d(try test.layer(bias: bias))
        let x = try test.input(3, channels: 20)
        let scale = try MapTest.tensor([29], seed: 3), shift = try MapTest.tensor([29], seed: 4)
        let residual = try MapTest.tensor([3, 9, 7, 29], seed: 5)
        let plain = try sliced(x, outputChannels: 29).elements
        let y = try sliced(x, scale: scale, shift: shift, activation: .relu, residual: residual)
        for (i, value) in y.elements.enumerated() {
            let expected =
                Double(scale.elements[i % 29]) * Double(plain[i]) + Double(shift.elements[i % 29])
                + Double(residual.elements[i])
            #expect(abs(Double(value) - max(0, expected)) <= 2e-5 * max(1, abs(expected)))
        }
    }

    @Test(arguments: [(40, 30), (64, 5), (33, 130)])
    func linearPrefixes(inputs: Int, outputs: Int) throws {
        let linear = try Linear(inputFeatures: inputs, outputFeatures: outputs)
        let sliced = try SlicedLinear(linear)
        for (used, wanted) in [(inputs / 2, outputs), (inputs, outputs / 2), (inputs / 3, 1)] {
            let x = try MapTest.tensor([2, 3, used])
            let wide = try Self.widened(x, to: inputs)
            try MapTest.everywhere {
                try sliced(x, outputFeatures: wanted, activation: .relu)
            } check: { isa, y in
                try Runtime.with(isa: isa) {
                    let whole = try linear(wide, activation: .relu)
                    let same = try Self.narrowed(whole, to: wanted).isBitEqual(to: y)
                    #expect(same, "\(isa): \(used) to \(wanted)")
                }
            }
        }
        #expect(throws: ProteanError.self) { try sliced(Tensor(zeros: [2, inputs + 1])) }
        #expect(throws: ProteanError.self) {
            try sliced(Tensor(zeros: [2, inputs]), outputFeatures: outputs + 1)
        }
    }

    @Test func channelsThatDoNotFitAreRefused() throws {
        let sliced = SlicedConv2d(try ConvolutionCase.dense[0].layer())
        let x = try Tensor(zeros: [1, 9, 7, 12])
        for outputs in [0, -1, 51] {
            #expect(throws: ProteanError.self) { try sliced(x, outputChannels: outputs) }
        }
        #expect(throws: ProteanError.self) { try sliced(Tensor(zeros: [1, 9, 7, 38])) }
        #expect(throws: ProteanError.self) { try sliced(Tensor(zeros: [9, 7, 12])) }
        #expect(throws: ProteanError.self) {
            try sliced(x, scale: Tensor(zeros: [5]), shift: Tensor(zeros: [6]))
        }
        let grouped = SlicedConv2d(try ConvolutionCase.grouped[0].layer())
        #expect(throws: ProteanError.self) { try grouped(Tensor(zeros: [1, 9, 7, 6])) }
        #expect(throws: ProteanError.self) {
            try grouped(Tensor(zeros: [1, 9, 7, 8]), outputChannels: 18)
        }
    }

    @Test func costCountsTheChannelsOfTheCall() throws {
        let sliced = SlicedConv2d(try ConvolutionCase.dense[0].layer())
        let trace = Trace()
        let y = try trace.recording {
            try sliced(Tensor(shapeOnly: [2, 9, 7, 20]), outputChannels: 30)
        }
        #expect(y.isShapeOnly && y.shape == [2, 9, 7, 30])
        #expect(trace.totalCost.multiplyAdds == 2 * 9 * 7 * 30 * 20 * 9)
    }

    /// A width that changes from call to call takes memory for its result only.
    @Test func changingWidthsAllocateResults() throws {
        let sliced = SlicedConv2d(try ConvolutionCase.dense[8].layer())
        let test = ConvolutionCase.dense[8]
        try Runtime.with(threads: 1) {
            let inputs = try [20, 10, 15, 5, 20].map { try test.input($0 % 4 + 1, channels: $0) }
            for _ in 0..<3 { for x in inputs { _ = try sliced(x, outputChannels: x.shape[3]) } }
            let used = try allocations {
                for x in inputs { _ = try sliced(x, outputChannels: x.shape[3]) }
            }
            #expect(used == inputs.count)
        }
    }
}
