import Testing

@testable import Protean

/// Containers hand what follows a layer to its kernel, and results are those of separate layers.
@Suite struct ContainerFusionTests {
    static func norm(_ channels: Int, seed: UInt64 = 1) throws -> BatchNorm2d {
        let norm = try BatchNorm2d(channels: channels)
        try norm.runningMean.set(.random([channels], seed: seed))
        try norm.runningVar.set(Initializer.uniform([channels], in: 0.5...2, seed: seed + 1))
        try norm.weight!.set(.random([channels], seed: seed + 2))
        try norm.bias!.set(.random([channels], seed: seed + 3))
        return norm
    }

    static func layers(_ layer: any Layer, _ x: Tensor) throws -> [String] {
        let trace = Trace()
        _ = try trace.recording { try layer(x) }
        return trace.events.map(\.layer)
    }

    static func deformable(_ modulated: Bool) throws -> any FoldsNorm {
        let layer: any FoldsNorm =
            modulated
            ? try ModulatedDeformableConv2d(
                inputChannels: 3, outputChannels: 5, kernelSize: 3, padding: 1)
            : try DeformableConv2dPack(
                inputChannels: 3, outputChannels: 5, kernelSize: 3, padding: 1)
        let offsets = layer.submodules[0].module.allParameters()
        for (index, entry) in offsets.enumerated() {
            try entry.parameter.set(
                Initializer.uniform(
                    entry.parameter.shape, in: -0.3...0.3, seed: UInt64(7 + index)))
        }
        return layer
    }

    @Test func everyFoldingLayerTakesNormAndActivation() throws {
        let layers: [(any FoldsNorm, [Int])] = [
            (
                try Conv2d(inputChannels: 3, outputChannels: 5, kernelSize: 3, padding: 1),
                [2, 7, 6, 3]
            ),
            (try Self.deformable(false), [2, 7, 6, 3]), (try Self.deformable(true), [2, 7, 6, 3]),
            (try Linear(inputFeatures: 3, outputFeatures: 5), [4, 3]),
            (try Self.routed(bias: true), [2, 7, 6, 3]),
        ]
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                for (layer, shape) in layers {
                    let norm = try Self.norm(5), x = try Tensor.random(shape, seed: 9)
                    let block = try Sequential([layer, norm, HardSwish()])
                    let expected = try Operations.activate(norm(layer(x)), .hardSwish)
                    let difference = try block(x).maximumDifference(from: expected)
                    #expect(difference < 1e-5, "\(layer.typeName) \(isa)")
                    let alone = try Self.layers(layer, x)
                    #expect(try Self.layers(block, x) == alone, "\(layer.typeName)")
                    // Without a norm there is nothing to round differently.
                    let plain = try Sequential([layer, HardSwish()])
                    let same = try Operations.activate(layer(x), .hardSwish)
                    #expect(try plain(x).isBitEqual(to: same), "\(layer.typeName) \(isa)")
                    #expect(try Self.layers(plain, x) == alone, "\(layer.typeName)")
                    // A changed norm is folded anew.
                    try norm.weight!.set(Tensor(zeros: [5]))
                    try norm.bias!.set(Tensor(repeating: 3, shape: [5]))
                    #expect(try block(x).elements.allSatisfy { $0 == 3 }, "\(layer.typeName)")
                }
            }
        }
    }

    @Test func foldingRefusesOtherChannels() throws {
        for layer in [
            try Conv2d(inputChannels: 3, outputChannels: 5, kernelSize: 1) as any FoldsNorm,
            try Self.deformable(false), try Self.deformable(true),
            try Linear(inputFeatures: 3, outputFeatures: 5), try Self.routed(bias: false),
        ] {
            let norm = try Self.norm(4)
            #expect(throws: ProteanError.self, "\(layer.typeName)") { try layer.folding(norm) }
        }
    }

    static func routed(bias: Bool) throws -> SelfConditioned {
        try SelfConditioned(
            try CondConv2d(
                inputChannels: 3, outputChannels: 5, kernelSize: 3, padding: 1, bias: bias,
                experts: 4),
            as: "conv", from: [("routing_fn", try CondConvRouting(channels: 3, experts: 4))])
    }

    @Test func aResidualIsAddedInTheKernel() throws {
        let x = try Tensor.random([2, 5, 6, 4], seed: 3)
        let conv = try Conv2d(
            inputChannels: 4, outputChannels: 4, kernelSize: 3, padding: 1, bias: false)
        let norm = try Self.norm(4)
        let main = try Sequential([conv, norm])
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let plain = try Residual(main: conv, activation: .silu)(x)
                let expected = try Operations.add(conv(x), x, activation: .silu)
                #expect(try plain.isBitEqual(to: expected), "\(isa) \(threads)")
                // Through a container and an activation behind the sum.
                let block = try Sequential([Residual(main: main), ReLU()])
                let sum = try Operations.add(main(x), x, activation: .relu)
                #expect(try block(x).isBitEqual(to: sum), "\(isa) \(threads)")
            }
        }
        let error = #expect(throws: ProteanError.self) {
            try Residual(main: conv, shortcut: try AvgPool2d(kernelSize: 2))(x)
        }
        #expect(
            error
                == .shapeMismatch(
                    layer: "Residual", tensor: "shortcut", expected: "[2, 5, 6, 4]",
                    found: [2, 2, 3, 4]))
    }

    @Test func branchesAddAndActivateInTheirKernels() throws {
        let x = try Tensor.random([2, 5, 6, 4], seed: 3)
        let a = try Conv2d(inputChannels: 4, outputChannels: 3, kernelSize: 1)
        let b = try Conv2d(inputChannels: 4, outputChannels: 3, kernelSize: 3, padding: 1, seed: 2)
        let pooled = try Sequential([try AdaptiveAvgPool2d(outputSize: 1), a])
        let sum = try Sequential([try Branches(.sum, named: [("a", a), ("b", b)]), SiLU()])
        let expected = try Operations.add(a(x), b(x), activation: .silu)
        #expect(try sum(x).isBitEqual(to: expected))
        #expect(try Self.layers(sum, x) == ["Conv2d", "Conv2d"])
        // A branch of another shape is repeated, not added in a kernel.
        let pairs: [[(String, any Layer)]] = [
            [("a", pooled), ("b", b)], [("a", b), ("b", pooled)],
        ]
        for named in pairs {
            let uneven = try Branches(.sum, named: named)
            let repeated = try Operations.add(b(x), pooled(x))
            #expect(try uneven(x).isBitEqual(to: repeated))
        }
        let both = try Sequential([
            try Branches(.concatenation, named: [("a", a), ("b", b)]), HardSwish(),
        ])
        let beside = try Operations.concatenate([a(x), b(x)], axis: 3)
        #expect(try both(x).isBitEqual(to: Operations.activate(beside, .hardSwish)))
        #expect(try Self.layers(both, x) == ["Conv2d", "Conv2d"])
        let mixed = try Sequential([
            try Branches(.concatenation, named: [("a", a), ("p", try MaxPool2d(kernelSize: 1))]),
            ReLU(),
        ])
        let other = try Operations.concatenate([a(x), x], axis: 3)
        #expect(try mixed(x).isBitEqual(to: Operations.activate(other, .relu)))
    }

    @Test func nestedContainersAreOneKernel() throws {
        let x = try Tensor.random([1, 4, 5, 3], seed: 6)
        let conv = try Conv2d(inputChannels: 3, outputChannels: 3, kernelSize: 1)
        let nested = try Sequential([try Sequential([ReLU(), try Sequential([conv])]), ReLU6()])
        #expect(try Self.layers(nested, x) == ["ReLU", "Conv2d"])
        let expected = try Operations.activate(conv(Operations.activate(x, .relu)), .relu6)
        #expect(try nested(x).isBitEqual(to: expected))
        // An activation behind an activation stays one of its own.
        let twice = try Sequential([try Sequential([conv, SiLU()]), ReLU6()])
        let both = try Operations.activate(
            Operations.activate(conv(x), .silu), .relu6)
        #expect(try twice(x).isBitEqual(to: both))
    }

    @Test func whatAKernelCannotDoFollowsSeparately() throws {
        let x = try Tensor.random([2, 3, 4, 3], seed: 8),
            residual = try Tensor.random([2, 3, 4, 3])
        let gate = try Tensor.random([2, 3], seed: 12)
        let conv = try Conv2d(inputChannels: 3, outputChannels: 3, kernelSize: 1)
        let block = try Sequential([conv, SiLU()])
        let epilogue = Conv2dEpilogue(activation: .relu, residual: residual, gate: gate)
        let gated = try Operations.scaleChannels(block(x), by: gate)
        let expected = try Operations.add(gated, residual, activation: .relu)
        #expect(try block(x, epilogue: epilogue).isBitEqual(to: expected))
        for layer in [
            try Self.norm(3) as any AcceptsEpilogue, Residual(main: block),
            try Branches(.sum, named: [("a", block)]),
            try SqueezeExcitation(channels: 3, squeezeChannels: 2),
        ] {
            let gated = try Operations.scaleChannels(layer(x), by: gate)
            let expected = try Operations.add(gated, residual, activation: .relu)
            let y = try layer(x, epilogue: epilogue)
            #expect(try y.isBitEqual(to: expected), "\(layer.typeName)")
        }
    }
}
