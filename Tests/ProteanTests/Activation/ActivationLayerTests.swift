import Testing

@testable import Protean

@Suite struct ActivationLayerTests {
    @Test(arguments: [
        ("relu", Activation.relu), ("ReLU", .relu), ("ReLU6", .relu6), ("hardswish", .hardSwish),
        ("hard_swish", .hardSwish), ("Hardswish", .hardSwish), ("silu", .silu), ("swish", .silu),
        ("gelu", .gelu), ("gelu_tanh", .geluTanh), ("hard_sigmoid", .hardSigmoid),
        ("hardsigmoid", .hardSigmoid), ("leaky_relu", .leakyReLU(slope: 0.01)), ("mish", .mish),
        ("Tanh", .tanh), ("sigmoid", .sigmoid), ("Identity", .identity),
    ])
    func namesOfTheReferences(_ name: String, _ activation: Activation) throws {
        #expect(try Activation(named: name) == activation)
    }

    @Test(arguments: ["", "quick_gelu", "celu", "relu 6"]) func otherNamesAreRefused(_ name: String)
    {
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
            (Tanh(), .tanh),
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
