import Testing

@testable import Protean

/// Convolutions as pure functions of tensors give the bits of layers that keep packed weights.
@Suite struct PureConvolutionTests {
    struct Case: Sendable, CustomStringConvertible {
        var inputs = 5, outputs = 7, kernel = Size2d(height: 3, width: 2), stride = Size2d(1)
        var padding = Padding2d.symmetric(1), dilation = Size2d(1), groups = 1
        var shape = [2, 9, 8]
        var description: String {
            "\(inputs)->\(outputs) \(kernel) /\(stride) d\(dilation) g\(groups) \(shape)"
        }
        func geometry(_ algorithm: Conv2dAlgorithm = .automatic) throws -> Conv2dGeometry {
            try Conv2dGeometry(
                inputChannels: inputs, outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: padding, dilation: dilation, groups: groups,
                algorithm: algorithm)
        }
        var input: [Int] { shape + [inputs] }
    }

    static let cases = [
        Case(), Case(stride: Size2d(height: 2, width: 3), shape: [3, 11, 7]),
        Case(inputs: 33, outputs: 17, kernel: 1, padding: 0),
        Case(inputs: 8, outputs: 8, kernel: 3, groups: 8, shape: [1, 7, 9]),
        Case(inputs: 6, outputs: 4, kernel: 3, dilation: 2, groups: 2),
        Case(inputs: 1, outputs: 3, kernel: 3), Case(shape: [0, 9, 8]),
        // Winograd's forms apply.
        Case(inputs: 32, outputs: 64, kernel: 3, shape: [1, 24, 21]),
    ]

    @Test(arguments: cases)
    func equalsTheLayer(_ test: Case) throws {
        let geometry = try test.geometry()
        let weight = try Tensor.random(geometry.weightShape, seed: 3)
        let bias = try Tensor.random([test.outputs], seed: 4)
        let layer = Conv2d(geometry: geometry, weight: Parameter(weight), bias: Parameter(bias))
        let plans = try Conv2dPlanCache(
            geometry: geometry, weight: Parameter(weight), bias: Parameter(bias))
        let x = try Tensor.random(test.input, seed: 5)
        let output = try layer.outputShape(for: test.input)
        let epilogue = Conv2dEpilogue(
            activation: .silu, residual: try Tensor.random(output, seed: 6),
            gate: try Tensor.random([output[0], output[3]], seed: 7))
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let expected = try layer(x, epilogue: epilogue)
                let pure = try Operations.conv2d(
                    x, weight: weight, bias: bias, geometry: geometry, epilogue: epilogue)
                #expect(pure.isBitEqual(to: expected), "\(test) \(isa) \(threads)")
                let packed = try PackedConv2d(
                    weight: weight, bias: bias, geometry: geometry,
                    packing: try geometry.packing(for: x.shape))
                let kept = try Operations.conv2d(x, packed: packed, epilogue: epilogue)
                #expect(kept.isBitEqual(to: expected), "\(test) \(isa) \(threads)")
                let planned = try Operations.conv2d(x, plans: plans, epilogue: epilogue)
                #expect(planned.isBitEqual(to: expected), "\(test) \(isa) \(threads)")
            }
        }
        for tensors in [
            (try Tensor(shapeOnly: x.shape), weight), (x, try Tensor(shapeOnly: weight.shape)),
        ] {
            let y = try Operations.conv2d(tensors.0, weight: tensors.1, geometry: geometry)
            #expect(y.isShapeOnly && y.shape == output)
        }
    }

    @Test(arguments: cases)
    func expertsAndBiasesPerSampleEqualTheLayers(_ test: Case) throws {
        let geometry = try test.geometry()
        let layer = try CondConv2d(
            inputChannels: test.inputs, outputChannels: test.outputs, kernelSize: test.kernel,
            stride: test.stride, padding: test.padding, dilation: test.dilation,
            groups: test.groups, bias: true, experts: 3, algorithm: .direct)
        let x = try Tensor.random(test.input, seed: 5), n = test.shape[0]
        let routing = try Tensor.random([n, 3], seed: 8)
        let weight = try Tensor.random(geometry.weightShape, seed: 3)
        let biases = try Tensor.random([n, test.outputs], seed: 4)
        let plain = Conv2d(geometry: geometry, weight: Parameter(weight), bias: nil)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let pure = try Operations.condConv2d(
                    x, experts: layer.weight.value, bias: layer.bias!.value, routing: routing,
                    geometry: geometry, epilogue: Conv2dEpilogue(activation: .relu))
                let expected = try layer(
                    x, routing: routing, epilogue: Conv2dEpilogue(activation: .relu))
                #expect(pure.isBitEqual(to: expected), "\(test) \(isa) \(threads)")
                let biased = try Operations.conv2d(
                    x, weight: weight, biasPerSample: biases, geometry: geometry)
                let map = try biases.reshaped(to: [n, 1, 1, test.outputs])
                let added = try Operations.add(plain(x), map)
                #expect(try biased.maximumDifference(from: added) < 1e-5, "\(test) \(isa)")
            }
        }
    }

    @Test(arguments: [1, 3])
    func deformableEqualsTheLayer(groups: Int) throws {
        let layer = try DeformableConv2d(
            inputChannels: 6, outputChannels: 9, kernelSize: 3, stride: 2, padding: 1,
            groups: groups)
        let x = try Tensor.random([2, 9, 7, 6], seed: 2)
        let offset = try Tensor.random([2, 5, 4, 36], seed: 3)
        let mask = try Tensor.random([2, 5, 4, 18], seed: 4)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                for mask in [nil, mask] {
                    let pure = try Operations.deformConv2d(
                        x, offset: offset, mask: mask, weight: layer.weight.value,
                        bias: layer.bias!.value, geometry: layer.geometry,
                        epilogue: Conv2dEpilogue(activation: .silu))
                    let expected = try layer(
                        x, offset: offset, mask: mask, epilogue: Conv2dEpilogue(activation: .silu))
                    #expect(pure.isBitEqual(to: expected), "\(isa) \(threads)")
                }
            }
        }
        let shape = try Operations.deformConv2d(
            x, offset: try Tensor(shapeOnly: offset.shape), weight: layer.weight.value,
            geometry: layer.geometry)
        #expect(shape.isShapeOnly && shape.shape == [2, 5, 4, 9])
        #expect(throws: ProteanError.self) {
            try Operations.deformConv2d(
                x, offset: try Tensor.random([2, 5, 4, 17]), weight: layer.weight.value,
                geometry: layer.geometry)
        }
    }

    @Test func wrongTensorsAreRefused() throws {
        let geometry = try Case().geometry()
        let x = try Tensor.random([1, 6, 6, 5]), weight = try Tensor.random(geometry.weightShape)
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "conv2d", tensor: "weight", expected: "[7, 5, 3, 2]", found: [7, 5, 2, 3])
        ) {
            try Operations.conv2d(
                x, weight: try Tensor.random([7, 5, 2, 3]), geometry: geometry)
        }
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "mine", tensor: "bias", expected: "[7]", found: [5])
        ) {
            try Operations.conv2d(
                x, weight: weight, bias: try Tensor.random([5]), geometry: geometry, layer: "mine")
        }
        for (experts, routing, bias) in [
            ([2, 209], [1, 2], [2, 7]), ([2, 210], [1, 3], [2, 7]), ([2, 210], [1, 2], [3, 7]),
            ([0, 210], [1, 0], [0, 7]),
        ] {
            #expect(throws: ProteanError.self, "\(experts) \(routing) \(bias)") {
                try Operations.condConv2d(
                    x, experts: try Tensor.random(experts), bias: try Tensor.random(bias),
                    routing: try Tensor.random(routing), geometry: geometry)
            }
        }
        #expect(throws: ProteanError.self) {
            try Conv2dPlanCache(
                geometry: geometry, weight: Parameter(weight),
                norm: try BatchNorm2d(channels: 5))
        }
        #expect(throws: ProteanError.noValues(layer: "PackedConv2d")) {
            try PackedConv2d(
                weight: try Tensor(shapeOnly: weight.shape), geometry: geometry,
                packing: try geometry.packing(for: x.shape))
        }
    }

    /// Packed weights are no numbers to another instruction set or algorithm.
    @Test func weightsPackedForOthersAreRefused() throws {
        let geometry = try Case(inputs: 32, outputs: 64, kernel: 3).geometry()
        let weight = try Tensor.random(geometry.weightShape)
        let x = try Tensor.random([1, 24, 21, 32])
        for isa in KernelISA.supported {
            let packed = try Runtime.with(isa: isa) {
                try PackedConv2d(
                    weight: weight, geometry: geometry, packing: try geometry.packing(for: x.shape))
            }
            #expect(packed.packing.isa == isa)
            for other in KernelISA.supported where other != isa {
                _ = try Runtime.with(isa: other) {
                    #expect(throws: ProteanError.self) {
                        try Operations.conv2d(x, packed: packed)
                    }
                }
            }
        }
    }
}
