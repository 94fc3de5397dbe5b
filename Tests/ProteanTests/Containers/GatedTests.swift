import Testing

@testable import Protean

/// One layer multiplies by what any gate computes.
@Suite struct GatedTests {
    /// A gate whose numbers are given, and checked against the map.
    private struct Given: Gate {
        let numbers: Tensor
        func gates(of x: Tensor) throws(ProteanError) -> Tensor {
            x.isShapeOnly ? try Tensor(shapeOnly: numbers.shape) : numbers
        }
    }

    /// activation(x · gates + residual) in double precision.
    private static func reference(
        _ x: Tensor, _ gates: Tensor, _ residual: Tensor?, relu: Bool
    ) -> [Double] {
        let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3])
        let g = gates.elements, v = x.elements, r = residual?.elements
        return v.indices.map { i in
            let sample = i / (h * w * c), pixel = i / c, channel = i % c
            let gate =
                gates.shape == x.shape
                ? g[i]
                : gates.shape.last == 1 && gates.rank == 4 ? g[pixel] : g[sample * c + channel]
            let sum = Double(v[i]) * Double(gate) + Double(r?[i] ?? 0)
            return relu ? max(sum, 0) : sum
        }
    }

    @Test(arguments: [[3, 5, 4, 7], [1, 1, 1, 3], [2, 3, 1, 17], [0, 4, 5, 2]])
    func everyKindOfGateMultiplies(_ shape: [Int]) throws {
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        let x = try Tensor.random(shape, seed: 2), residual = try Tensor.random(shape, seed: 3)
        for kind in [[n, c], [n, 1, 1, c], [n, h, w, 1], shape] {
            let gates = try Tensor.random(kind, seed: 4)
            let layer = Gated(Given(numbers: gates))
            var bits: [Float]?
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let plain = try layer(x).elements
                    #expect(plain == Self.reference(x, gates, nil, relu: false).map { Float($0) })
                    if bits == nil { bits = plain }
                    #expect(plain == bits)
                    let both = try layer(
                        x, epilogue: Conv2dEpilogue(activation: .relu, residual: residual))
                    let expected = Self.reference(x, gates, residual, relu: true)
                    for (y, d) in zip(both.elements, expected) {
                        #expect(abs(Double(y) - d) < 3e-7, "\(kind) \(isa) \(threads)")
                    }
                }
            }
            #expect(try layer.outputShape(for: shape) == shape)
        }
    }

    @Test func gatesOfOtherShapesAreRefused() throws {
        let x = try Tensor.random([2, 3, 4, 5])
        for shape in [[5], [2, 4], [2, 3, 4], [1, 3, 4, 1], [2, 3, 4, 4], [2, 1, 1, 1]] {
            let layer = Gated(Given(numbers: try Tensor.random(shape)))
            #expect(
                throws: ProteanError.shapeMismatch(
                    layer: "Given", tensor: "gate",
                    expected: "[2, 5], [2, 3, 4, 1] or [2, 3, 4, 5]", found: shape)
            ) { try layer(x) }
        }
        #expect(throws: ProteanError.self) {
            try Operations.gate(x, by: x, residual: try Tensor.random([2, 3, 4, 1]))
        }
        // Vectors have gates of their own shape.
        let rows = try Tensor.random([3, 4]), gates = try Tensor.random([3, 4], seed: 6)
        let y = try Gated(Given(numbers: gates))(rows)
        #expect(try y.isBitEqual(to: Operations.multiply(rows, gates)))
    }

    @Test func aGateOfTheInputRunsInTheConvolution() throws {
        let conv = try Conv2d(
            inputChannels: 3, outputChannels: 5, kernelSize: 3, padding: 1, bias: false)
        let withBias = try Conv2d(inputChannels: 3, outputChannels: 5, kernelSize: 1)
        let x = try Tensor.random([2, 6, 5, 3], seed: 8)
        let residual = try Tensor.random([2, 6, 5, 5], seed: 9)
        for numbers in [[2, 5], [2, 1, 1, 5], [2, 6, 5, 1], [2, 6, 5, 5]] {
            let gate = Given(numbers: try Tensor.random(numbers, seed: 4))
            for layer in [conv, withBias] {
                let gated = Gated(layer, by: gate)
                let block = Residual(
                    main: gated, shortcut: Passing(result: residual), activation: .silu)
                for (isa, threads) in allRuntimes {
                    try Runtime.with(isa: isa, threads: threads) {
                        let plain = try Operations.gate(layer(x), by: gate.numbers)
                        #expect(try gated(x).isBitEqual(to: plain), "\(numbers) \(isa)")
                        let sum = try Operations.add(plain, residual, activation: .silu)
                        let difference = try block(x).maximumDifference(from: sum)
                        #expect(difference < 1e-6, "\(numbers) \(isa)")
                    }
                }
            }
        }
        // One kernel: only the convolution is traced.
        let gated = Gated(conv, by: Given(numbers: try Tensor.random([2, 5])))
        #expect(try ContainerFusionTests.layers(gated, x) == ["Conv2d"])
        let kept = Gated(withBias, by: Given(numbers: try Tensor.random([2, 5])))
        #expect(try ContainerFusionTests.layers(kept, x) == ["Conv2d", "Given"])
        #expect(gated.submodules.map(\.name) == ["gate", "layer"])
    }

    private struct Passing: Layer {
        let result: Tensor
        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { result }
    }

    @Test func squeezeExcitationIsAGate() throws {
        let layer = try SqueezeExcitation(channels: 6, squeezeChannels: 4)
        let x = try Tensor.random([2, 5, 3, 6])
        let expected = try Operations.scaleChannels(x, by: layer.gates(of: x))
        #expect(try layer(x).isBitEqual(to: expected))
        #expect(try Gated(layer)(x).isBitEqual(to: expected))
        let active = try Sequential([layer, HardSwish()])
        #expect(try active(x).isBitEqual(to: Operations.activate(expected, .hardSwish)))
        let events = try ContainerFusionTests.layers(active, x)
        // The network on the pooled vector, then the map.
        #expect(events == ["SqueezeExcitation", "SqueezeExcitation"])
    }
}
