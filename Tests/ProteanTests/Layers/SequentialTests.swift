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

    @Test func neighboursThatDoNotFitAreRefusedWhenBuilt() {
        #expect(throws: ProteanError.self) {
            try Sequential {
                try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
                try BatchNorm2d(channels: 4)
            }
        }
        #expect(throws: ProteanError.self) {
            try Sequential(named: [("a", ReLU()), ("a", ReLU())])
        }
    }

    @Test func errorsNameTheLayersPath() throws {
        let block = try Sequential {
            try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
            try Conv2d(inputChannels: 4, outputChannels: 3, kernelSize: 1)
        }
        block.assignLabels(prefix: "features")
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "features.1", tensor: "x", expected: "[batch, height, width, 4]",
                found: [1, 5, 5, 3])
        ) { try block(Tensor(zeros: [1, 5, 5, 2])) }
    }
}
