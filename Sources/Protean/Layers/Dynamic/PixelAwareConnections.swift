/// relu(batchNorm(z + g · sigmoid(conv_c2(relu(conv_c1([z, g])))))), z = conv3×3(x),
/// g = fc₂(relu(fc₁(mean x))).
///
/// g is the same for all pixels, so the part of conv_c1 that reads g is one product per sample,
/// which becomes the bias of the part that reads z: nothing is tiled or concatenated.
final class PixelAwareConnections: AdaptiveConnections {
    let inputChannels: Int
    private let near, mix, gate: Conv2d
    private let first, second: Linear
    private let norm: BatchNorm2d
    private let halves = Derived<Int, Halves>()

    /// The two parts of `conv_c1`.
    private struct Halves: Sendable {
        /// The part that reads z, without bias.
        let map: Conv2dPlanCache
        /// The part that reads g, with conv_c1's bias.
        let mean: Linear
    }

    init(
        from inputs: Int, to outputs: Int, stride: Int, bias: Bool, seed: UInt64
    ) throws(ProteanError) {
        inputChannels = inputs
        near = try Self.convolution(
            from: inputs, to: outputs, kernel: 3, stride: stride, bias: bias, seed: seed)
        mix = try Self.convolution(
            from: 2 * outputs, to: outputs, kernel: 1, bias: bias, seed: seed &+ 1)
        gate = try Self.convolution(
            from: outputs, to: outputs, kernel: 1, bias: bias, seed: seed &+ 2)
        first = try Linear(inputFeatures: inputs, outputFeatures: outputs, seed: seed &+ 3)
        second = try Linear(inputFeatures: outputs, outputFeatures: outputs, seed: seed &+ 4)
        norm = try BatchNorm2d(channels: outputs)
    }

    var parameters: [NamedParameter] { [] }

    var submodules: [NamedModule] {
        [
            NamedModule("conv2", near), NamedModule("fc1", first), NamedModule("fc2", second),
            NamedModule("conv_c1", mix), NamedModule("conv_c2", gate),
            NamedModule("conv2.bn", norm),
        ]
    }

    func callAsFunction(_ x: Tensor, place: String, label: Label?) throws(ProteanError) -> Tensor {
        let z = try near(x)
        let mean = try second(first(Operations.globalAveragePool(x), activation: .relu))
        let halves = try halves.value(for: mix.weight.version + (mix.bias?.version ?? 0)) {
            () throws(ProteanError) in try cut()
        }
        let bias = try halves.mean(mean)
        let hidden = try traced("Conv2d", path: mix.label, input: z, cost: { hiddenCost(z, $0) }) {
            () throws(ProteanError) in
            try Operations.conv2d(
                z, halves.map, biasPerSample: bias, activation: .relu, layer: mix.place)
        }
        let gates = try gate(hidden, epilogue: Conv2dEpilogue(activation: .sigmoid))
        return try traced(
            "AdaptivelyConnectedConv2d", path: label, input: x, cost: { cost(z, $0) }
        ) { () throws(ProteanError) in
            let sum = try Operations.scaleChannels(gates, by: mean, residual: z)
            let affine = try norm.scaleAndShift()
            return try Operations.scaleShift(
                sum, scale: affine.scale, shift: affine.shift, activation: .relu)
        }
    }

    private func cut() throws(ProteanError) -> Halves {
        let outputs = mix.geometry.outputChannels, values = mix.weight.value.elements
        let rows = stride(from: 0, to: values.count, by: outputs).map {
            Array(values[$0..<$0 + outputs])
        }
        func half(_ remainder: Int) throws(ProteanError) -> Tensor {
            let own = rows.enumerated().filter { $0.offset % 2 == remainder }.flatMap(\.element)
            return try Tensor(own, shape: [outputs, outputs])
        }
        let geometry = try Conv2dGeometry(
            inputChannels: outputs, outputChannels: outputs, kernelSize: 1)
        let map = try half(0).reshaped(to: geometry.weightShape)
        return Halves(
            map: Conv2dPlanCache(weight: Parameter(map), bias: nil, geometry: geometry),
            mean: try Linear(weight: half(1), bias: mix.bias?.value))
    }

    private func hiddenCost(_ z: Tensor, _ y: Tensor) -> Cost {
        let outputs = mix.geometry.outputChannels
        return Cost(
            multiplyAdds: y.count * outputs, parameters: outputs * outputs,
            bytes: (z.count + y.count + outputs * outputs) * MemoryLayout<Float>.stride)
    }

    private func cost(_ z: Tensor, _ y: Tensor) -> Cost {
        Cost(multiplyAdds: 2 * y.count, bytes: 3 * z.count * MemoryLayout<Float>.stride)
    }
}
