import Testing

@testable import Protean

@Suite struct SequentialTests {
    static func norm(_ channels: Int) throws -> BatchNorm2d {
        let norm = try BatchNorm2d(channels: channels)
        try norm.runningMean.set(.random([channels], seed: 1))
        try norm.runningVar.set(Initializer.uniform([channels], in: 0.5...2, seed: 2))
        try norm.weight!.set(.random([channels], seed: 3))
        try norm.bias!.set(.random([channels], seed: 4))
        return norm
    }

    @Test func fusedLayersGiveWhatTheyGiveOneByOne() throws {
        let conv = try Conv2d(inputChannels: 5, outputChannels: 9, kernelSize: 3, padding: 1)
        let norm = try Self.norm(9)
        let block = try Sequential {
            conv
            norm
            HardSwish()
            PassThrough()
        }
        let x = try Tensor.random([2, 7, 6, 5])
        let separate = try Operations.activate(norm(conv(x)), .hardSwish)
        #expect(try block(x).maximumDifference(from: separate) < 1e-5)
        // One kernel: the norm and the activation leave no trace of their own.
        let trace = Trace()
        _ = try trace.recording { try block(x) }
        #expect(trace.events.map(\.layer) == ["Conv2d"])
    }

    /// Passes its input on; only there to end the list with a layer that is not fused.
    private struct PassThrough: Layer {
        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { x }
    }

    @Test func parametersKeepTheirPathsWhenFused() throws {
        let block = try Sequential {
            try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1, bias: false)
            try BatchNorm2d(channels: 3)
            ReLU()
            if true { try Linear(inputFeatures: 3, outputFeatures: 4) }
            for _ in 0..<2 { ReLU() }
        }
        #expect(
            block.allParameters(prefix: "a").map(\.name) == [
                "a.0.weight", "a.1.weight", "a.1.bias", "a.1.running_mean", "a.1.running_var",
                "a.3.weight", "a.3.bias",
            ])
        #expect(block.submodules.count == 6)
    }

    @Test func aChangedNormIsFoldedAnew() throws {
        let norm = try BatchNorm2d(channels: 2)
        let block = try Sequential {
            try Conv2d(inputChannels: 2, outputChannels: 2, kernelSize: 1, bias: false)
            norm
        }
        let x = try Tensor.random([1, 2, 3, 2])
        _ = try block(x)
        try norm.weight!.set(Tensor(zeros: [2]))
        try norm.bias!.set(Tensor([3, 4], shape: [2]))
        #expect(try block(x).elements == [3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4])
    }

    @Test func namesOccurOnce() {
        #expect(throws: ProteanError.self) {
            try Sequential(named: [("a", ReLU()), ("a", ReLU())])
        }
    }

    @Test func neighboursThatDoNotFitAreRefusedWhenBuilt() throws {
        let first = try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
        #expect(
            throws: ProteanError.channelMismatch(
                container: "Sequential", layer: "layer 1 (BatchNorm2d)", expected: 4,
                previous: "layer 0 (Conv2d)", found: 3)
        ) {
            try Sequential {
                first
                try BatchNorm2d(channels: 4)
            }
        }
        // Through layers that change nothing, and through a container.
        let error = #expect(throws: ProteanError.self) {
            try Sequential(named: [
                ("stem", try Sequential([first, ReLU()])), ("pool", try MaxPool2d(kernelSize: 2)),
                ("act", ReLU()), ("fc", try Linear(inputFeatures: 12, outputFeatures: 5)),
            ])
        }
        #expect(
            error?.description
                == "Sequential: layer fc (Linear) expects 12 channels, layer stem (Sequential) "
                + "gives 3")
        // What may fit is not refused: a flattened map, and layers that say nothing.
        _ = try Sequential([first, Flatten(), try Linear(inputFeatures: 12, outputFeatures: 5)])
        _ = try Sequential([first, PassThrough(), try BatchNorm2d(channels: 4)])
    }

    @Test func channelsFollowFromTheLayers() throws {
        let first = try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
        #expect(try Sequential([]).channelFlow == .unchanged)
        #expect(try Sequential([ReLU()]).channelFlow == .unchanged)
        #expect(try Sequential([PassThrough()]).channelFlow == .unknown)
        #expect(try Sequential([ReLU(), first]).channelFlow == .fixed(input: 2, output: 3))
        let open = try Sequential([first, PassThrough()]).channelFlow
        #expect(open == .fixed(input: 2, output: nil))
        let whole = try Branches(.concatenation, named: [("a", first), ("b", first)])
        #expect(whole.channelFlow == .fixed(input: 2, output: 6))
        #expect(throws: ProteanError.self) {
            try Branches(.sum) {
                first
                try Conv2d(inputChannels: 5, outputChannels: 3, kernelSize: 1)
            }
        }
    }

    /// Every layer that states its channels is refused and accepted by calls as it says.
    @Test func statedChannelsAreThoseOfCalls() throws {
        let layers: [any Layer] = [
            try Conv2d(inputChannels: 4, outputChannels: 6, kernelSize: 1),
            try DeformableConv2dPack(
                inputChannels: 4, outputChannels: 6, kernelSize: 3, padding: 1),
            try ModulatedDeformableConv2d(
                inputChannels: 4, outputChannels: 6, kernelSize: 3, padding: 1),
            try DynamicReLU(channels: 4), try SqueezeExcitation(channels: 4, reduction: 2),
            try BatchNorm2d(channels: 4), try LayerNorm(channels: 4),
            try Linear(inputFeatures: 4, outputFeatures: 6), try PReLU(channels: 4),
            try PReLU(channels: 1), ReLU(), try MaxPool2d(kernelSize: 2),
            try AvgPool2d(kernelSize: 2), try AdaptiveAvgPool2d(outputSize: 2),
            GlobalAveragePool2d(), try Dropout(), Softmax(),
        ]
        for layer in layers {
            let flow = layer.channelFlow
            #expect(flow != .unknown, "\(layer.typeName)")
            let given = flow.input ?? 4
            let output = try layer.outputShape(for: [1, 8, 8, given])
            #expect(output.last == flow.output ?? given, "\(layer.typeName)")
            if flow.input != nil {
                #expect(throws: ProteanError.self, "\(layer.typeName)") {
                    try layer.outputShape(for: [1, 8, 8, given + 1])
                }
            }
        }
    }

    @Test func errorsNameTheLayersPath() throws {
        let block = try Sequential {
            try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
            try Conv2d(inputChannels: 3, outputChannels: 3, kernelSize: 1)
        }
        let x = try Tensor(zeros: [1, 5, 5, 7])
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "layer 0 (Conv2d)", tensor: "x", expected: "[batch, height, width, 2]",
                found: [1, 5, 5, 7])
        ) { try block(x) }
        block.assignLabels(prefix: "features")
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "features.0", tensor: "x", expected: "[batch, height, width, 2]",
                found: [1, 5, 5, 7])
        ) { try block(x) }
    }

    @Test func errorsOfNestedContainersNameThePosition() throws {
        let conv = try Conv2d(inputChannels: 3, outputChannels: 3, kernelSize: 5)
        let block = try Sequential {
            try MaxPool2d(kernelSize: 2)
            Residual(main: try Branches(.sum, named: [("a", try Sequential([ReLU(), conv]))]))
        }
        let error = #expect(throws: ProteanError.self) { try block(Tensor(zeros: [1, 8, 8, 3])) }
        guard case .shapeMismatch(let layer, _, _, let found) = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(layer == "layer 1.main.a.1 (Conv2d)")
        #expect(found == [1, 4, 4, 3])
    }

    @Test func otherErrorsOfTheListBecomeOurs() {
        struct Other: Error {}
        func fail() throws -> any Layer { throw Other() }
        #expect(
            throws: ProteanError.invalidOption(
                layer: "Sequential", option: "layers", expected: "layers",
                found: "the error Other()")
        ) { try Sequential { try fail() } }
    }
}
