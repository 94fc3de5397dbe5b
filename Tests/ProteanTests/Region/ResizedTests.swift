import Testing

@testable import Protean

@Suite struct ResizedTests {
    /// A network with batch norms per resolution and a mean, and a predictor that scores by the means
    /// of channels.
    private struct Networks {
        let network: Sequential
        let norm: ResolutionConvNorm
        let dispatch: Dispatch
        static let sizes: [Size2d] = [Size2d(height: 5, width: 7), 8, 12]

        init() throws {
            let conv = try Conv2d(
                inputChannels: 3, outputChannels: 17, kernelSize: 3, padding: 1, seed: 3)
            let norm = try ResolutionConvNorm(conv, resolutions: 3, activation: .relu)
            for (index, one) in norm.norms.enumerated() {
                try one.weight?.set(try MapTest.tensor([17], seed: UInt64(10 + index), range: 1))
                try one.bias?.set(try MapTest.tensor([17], seed: UInt64(20 + index), range: 1))
            }
            self.norm = norm
            network = try Sequential { () throws(ProteanError) in
                norm
                GlobalAveragePool2d()
                try Linear(inputFeatures: 17, outputFeatures: 4, seed: 5)
            }
            let predictor = try Sequential { () throws(ProteanError) in
                GlobalAveragePool2d()
                try Linear(
                    weight: try Tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], shape: [3, 3]))
            }
            dispatch = try Dispatch.resolutions(
                Self.sizes, network: network, predictor: predictor, predictorSize: 4)
        }
    }

    /// Rows whose brightest channel is given, so that the predictor chooses it.
    private static func images(_ brightest: [Int]) throws -> Tensor {
        var values: [Float] = []
        for (row, channel) in brightest.enumerated() {
            let noise = MapTest.values(16 * 14 * 3, seed: UInt64(row + 1), range: 1)
            for (index, value) in noise.enumerated() {
                values.append(value + (index % 3 == channel ? 3 : 0))
            }
        }
        return try Tensor(values, shape: [brightest.count, 16, 14, 3])
    }

    @Test(arguments: [[], [1], [2, 0, 1], [0, 0, 2, 2, 1, 0, 2], [1, 1, 1]])
    func everyRowIsComputedAtItsResolution(choices: [Int]) throws {
        let networks = try Networks(), x = try Self.images(choices)
        let trace = DecisionTrace()
        let y = try trace.recording { () throws(ProteanError) in try networks.dispatch(x) }
        #expect(y.shape == [choices.count, 4])
        if !choices.isEmpty {
            #expect(trace.entries[0].choice.picks.map { $0.map(\.action) } == choices.map { [$0] })
        }
        try MapTest.everywhere {
            try networks.dispatch(x)
        } check: { isa, y in
            try Runtime.with(isa: isa) {
                for (row, choice) in choices.enumerated() {
                    let small = try Operations.resize(
                        try x.sample(row), to: Networks.sizes[choice],
                        mode: .bilinear(alignCorners: false))
                    // The static network of this resolution on the row alone.
                    let conv = try FusedConv2d(
                        networks.norm.conv, networks.norm.norms[choice], .relu)
                    let mean = try Operations.globalAveragePool(try conv(small))
                    let layers = networks.network.submodules
                    let linear = try #require(layers[2].module as? Linear)
                    let expected = try linear(mean)
                    #expect(expected.isBitEqual(to: try y.sample(row)), "\(isa), row \(row)")
                }
            }
        }
    }

    @Test func onlyChosenResolutionsRun() throws {
        let networks = try Networks(), trace = Trace()
        let x = try Self.images([2, 0, 2, 2])
        _ = try trace.recording { () throws(ProteanError) in try networks.dispatch(x) }
        let shapes = trace.events.filter { $0.layer.hasSuffix("Conv2d") }.map(\.inputShape)
        #expect(shapes == [[1, 5, 7, 3], [3, 12, 12, 3]])
    }

    @Test func namesAreThoseOfTheSharedNetwork() throws {
        let networks = try Networks()
        let names = networks.dispatch.allParameters().map(\.name)
        #expect(names.contains("network.0.conv.weight"))
        #expect(names.contains("network.0.bns.2.running_var"))
        #expect(names.contains("predictor.1.weight"))
        #expect(Set(names).count == names.count)
    }

    @Test func aFittingInputIsNotResized() throws {
        let part = try Resized(Size2d(height: 5, width: 7), Identity())
        let x = try MapTest.tensor([2, 5, 7, 3])
        #expect(try part(x).isBitEqual(to: x))
        #expect(try part.outputShape(for: [2, 50, 3, 3]) == [2, 5, 7, 3])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let networks = try Networks()
        let wide = try Resized(8, networks.network, index: 3)
        let error = #expect(throws: ProteanError.self) {
            _ = try wide(try Tensor(zeros: [1, 8, 8, 3]))
        }
        #expect(error?.description.contains("resolution") == true)
        #expect(throws: ProteanError.self) { try Resized(0, Identity()) }
        #expect(throws: ProteanError.self) { try Resized(8, Identity(), index: -1) }
        #expect(throws: ProteanError.self) { try wide(try Tensor(zeros: [8, 8, 3])) }
        #expect(throws: ProteanError.self) {
            try ResolutionConvNorm(networks.norm.conv, resolutions: 0)
        }
        #expect(throws: ProteanError.self) {
            try Dispatch.resolutions(
                [], network: Identity(), predictor: Identity(), predictorSize: 4)
        }
    }
}
