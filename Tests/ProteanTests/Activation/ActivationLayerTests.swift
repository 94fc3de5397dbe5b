import Testing

@testable import Protean

@Suite struct ActivationLayerTests {
    @Test(arguments: [
        ("relu", Activation.relu), ("ReLU", .relu), ("ReLU6", .relu6), ("hardswish", .hardSwish),
        ("hard_swish", .hardSwish), ("Hardswish", .hardSwish), ("silu", .silu), ("swish", .silu),
        ("gelu", .gelu), ("gelu_tanh", .geluTanh), ("hard_sigmoid", .hardSigmoid),
        ("hardsigmoid", .hardSigmoid), ("leaky_relu", .leakyReLU(slope: 0.01)), ("mish", .mish),
        ("Tanh", .tanh), ("sigmoid", .sigmoid), ("Identity", .identity),
        ("Softplus", .softplus()), ("ELU", .elu()), ("celu", .celu(alpha: 1)), ("SELU", .selu),
        ("Hardtanh", .hardtanh(min: -1, max: 1)), ("hard_tanh", .hardtanh()),
    ])
    func namesOfTheReferences(_ name: String, _ activation: Activation) throws {
        #expect(try Activation(named: name) == activation)
    }

    @Test(arguments: ["", "quick_gelu", "crelu", "relu 6"]) func otherNamesAreRefused(
        _ name: String
    ) {
        #expect {
            try Activation(named: name)
        } throws: { error in
            guard case .unknownName("activation", name, let known)? = error as? ProteanError else {
                return false
            }
            return known.contains("relu6")
        }
    }

    @Test func layersSayWhatTheyCompute() {
        #expect(LeakyReLU(negativeSlope: 0.3).activation == .leakyReLU(slope: 0.3))
        #expect(GELU().activation == .gelu)
        #expect(GELU(approximate: .tanh).activation == .geluTanh)
        #expect(Identity().activation == .identity)
        #expect(ReLU().activation == .relu)
        #expect(ReLU6().activation == .relu6)
        #expect(Sigmoid().activation == .sigmoid)
        #expect(HardSigmoid().activation == .hardSigmoid)
        #expect(HardSwish().activation == .hardSwish)
        #expect(SiLU().activation == .silu)
        #expect(Mish().activation == .mish)
        #expect(Tanh().activation == .tanh)
    }

    /// Every layer of the table computes its function, by itself as in a container.
    @Test func layersAreTheirFunctions() throws {
        let layers: [(any ActivationLayer, Activation)] = [
            (Identity(), .identity), (ReLU(), .relu), (ReLU6(), .relu6),
            (LeakyReLU(), .leakyReLU(slope: 0.01)), (Sigmoid(), .sigmoid),
            (HardSigmoid(), .hardSigmoid), (HardSwish(), .hardSwish), (SiLU(), .silu),
            (GELU(), .gelu), (GELU(approximate: .tanh), .geluTanh), (Mish(), .mish),
            (Tanh(), .tanh), (ELU(alpha: 0.7), .elu(alpha: 0.7)), (SELU(), .selu),
            (try CELU(alpha: 1.5), .celu(alpha: 1.5)),
            (try Softplus(beta: 2, threshold: 5), .softplus(beta: 2, threshold: 5)),
            (try Hardtanh(minimum: -0.5, maximum: 2), .hardtanh(min: -0.5, max: 2)),
        ]
        let x = try MapTest.tensor([3, 5, 7, 17], seed: 9, range: 8)
        for (layer, activation) in layers {
            #expect(layer.activation == activation)
            let expected = x.elements.map {
                ActivationKernelTests.reference(activation, Double($0))
            }
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(
                    y, shape: x.shape, expected, tolerance: 4e-7, "\(activation) \(isa)")
            }
            #expect(try layer.outputShape(for: [0, 3, 2]) == [0, 3, 2])
        }
    }

    @Test func numbersOutsideADomainAreRefused() throws {
        for value in [0, -1, .infinity, .nan] as [Float] {
            expectRefusal(of: "alpha") { _ = try CELU(alpha: value) }
            expectRefusal(of: "beta") { _ = try Softplus(beta: value) }
        }
        expectRefusal(of: "threshold") { _ = try Softplus(threshold: .infinity) }
        expectRefusal(of: "maximum") { _ = try Hardtanh(minimum: 1, maximum: 1) }
        // Values of `Activation` are checked by the kernels.
        let x = try Tensor.random([2, 3, 4, 5])
        let conv = try Conv2d(inputChannels: 5, outputChannels: 2, kernelSize: 1)
        for activation in [
            Activation.celu(alpha: 0), .softplus(beta: -1), .hardtanh(min: 2, max: 1),
        ] {
            #expect(throws: ProteanError.self) { try Operations.activate(x, activation) }
            #expect(throws: ProteanError.self) {
                try conv(x, epilogue: Conv2dEpilogue(activation: activation))
            }
        }
    }

    /// As the last step of a convolution and of a norm they give the bits of the separate layer.
    @Test func functionsWithTwoNumbersFuse() throws {
        let x = try MapTest.tensor([2, 7, 5, 6], seed: 4)
        let conv = try Conv2d(inputChannels: 6, outputChannels: 9, kernelSize: 3, seed: 3)
        let norm = try GroupNorm(groups: 3, channels: 9)
        for activation in [
            Activation.elu(alpha: 0.4), .celu(alpha: 2), .selu,
            .softplus(beta: 3, threshold: 1), .hardtanh(min: -0.2, max: 0.3),
        ] {
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 2) {
                    let y = try conv(x), fused = Conv2dEpilogue(activation: activation)
                    #expect(
                        try conv(x, epilogue: fused).isBitEqual(
                            to: Operations.activate(y, activation)), "\(activation) \(isa)")
                    #expect(
                        try norm(y, activation: activation).isBitEqual(
                            to: Operations.activate(norm(y), activation)), "\(activation) \(isa)")
                }
            }
        }
    }

    @Test func preluHasItsParameter() throws {
        let layer = try PReLU(channels: 3, initialValue: 0.5)
        #expect(layer.allParameters().map(\.name) == ["weight"])
        #expect(try layer(Tensor([-2, 4, -6], shape: [1, 3])).elements == [-1, 4, -3])
        try layer.weight.set(Tensor([1, 1, 2], shape: [3]))
        #expect(try layer(Tensor([-2, 4, -6], shape: [1, 3])).elements == [-2, 4, -12])
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4])) }
        #expect(throws: ProteanError.self) { try PReLU(channels: 0) }
    }

    @Test func costsCountBytesOnly() throws {
        let cost = try ReLU().cost(for: [2, 3, 4, 5])
        #expect(cost == Cost(bytes: 2 * 120 * 4))
        #expect(try PReLU(channels: 5).cost(for: [2, 3, 4, 5]).parameters == 5)
    }
}
