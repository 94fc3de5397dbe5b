/// relu(batchNorm(p₀ · conv3×3(x) + p₁ · conv1×1(x) + p₂ · fc₃(relu(fc₁(mean x))))), p = softmax(PPP).
final class DatasetAwareConnections: AdaptiveConnections {
    let inputChannels: Int
    private let near, own: Conv2d
    private let first, second: Linear
    private let logits: Parameter
    private let norm: BatchNorm2d
    private let shares = Derived<Int, Tensor>()

    init(
        from inputs: Int, to outputs: Int, map: Size2d, stride: Int, bias: Bool, seed: UInt64
    ) throws(ProteanError) {
        inputChannels = inputs
        near = try Self.convolution(
            from: inputs, to: outputs, kernel: 3, stride: stride, bias: bias, seed: seed)
        own = try Self.convolution(
            from: inputs, to: outputs, kernel: 1, stride: stride, bias: bias, seed: seed &+ 1)
        first = try Linear(inputFeatures: inputs, outputFeatures: outputs, seed: seed &+ 2)
        second = try Linear(inputFeatures: outputs, outputFeatures: outputs, seed: seed &+ 3)
        logits = try Parameter(
            repeating: 1, shape: [3, 1, map.height, map.width], layer: "AdaptivelyConnectedConv2d")
        norm = try BatchNorm2d(channels: outputs)
    }

    var parameters: [NamedParameter] { [NamedParameter("PPP", logits)] }

    var submodules: [NamedModule] {
        [
            NamedModule("z3", near), NamedModule("z1", own), NamedModule("fc1", first),
            NamedModule("fc3", second), NamedModule("sum.bn", norm),
        ]
    }

    func callAsFunction(_ x: Tensor, place: String, label: Label?) throws(ProteanError) -> Tensor {
        let z = try near(x), pixel = try own(x)
        let (height, width) = (logits.shape[2], logits.shape[3])
        guard z.shape[1] == height, z.shape[2] == width else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "a map whose output is \(height)x\(width), as PPP is", found: x.shape)
        }
        let mean = try second(first(Operations.globalAveragePool(x), activation: .relu))
        return try traced(
            "AdaptivelyConnectedConv2d", path: label, input: x, cost: { cost(z, $0) }
        ) { () throws(ProteanError) in
            let shares = try shares.value(for: logits.version) { () throws(ProteanError) in
                try Operations.softmax(
                    Operations.permute(logits.value.reshaped(to: [3, height, width]), [1, 2, 0]))
            }
            let affine = try norm.scaleAndShift()
            return try Operations.connectionMix(
                z, pixel, mean, shares: shares, scale: affine.scale, shift: affine.shift,
                layer: place)
        }
    }

    private func cost(_ z: Tensor, _ y: Tensor) -> Cost {
        Cost(
            multiplyAdds: 4 * y.count, parameters: logits.count,
            bytes: (2 * z.count + y.count + logits.count) * MemoryLayout<Float>.stride)
    }
}
