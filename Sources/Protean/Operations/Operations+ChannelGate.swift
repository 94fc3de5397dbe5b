import CProteanKernels

/// One fully connected layer of ``Operations/channelNetwork(_:_:)``, with its weights packed for it.
public struct ChannelNetworkLayer: Sendable {
    /// Length of the vectors that go in.
    public let inputs: Int
    /// Length of the vectors that come out.
    public let outputs: Int
    /// `[outputs]`, or nil.
    public let bias: Tensor?
    /// Applied to the sums.
    public let activation: Activation
    /// The weights, in panels of outputs.
    fileprivate let packed: Tensor

    /// A layer with weights `[outputs, inputs]`, further axes of size 1 allowed, and a bias
    /// `[outputs]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public init(
        weight: Tensor, bias: Tensor? = nil, activation: Activation = .identity
    ) throws(ProteanError) {
        let name = "channelNetwork", shape = weight.shape
        guard weight.rank >= 2, shape[0] > 0, shape[1] > 0,
            shape.dropFirst(2).allSatisfy({ $0 == 1 })
        else {
            throw .shapeMismatch(
                layer: name, tensor: "weight", expected: "[outputs, inputs]", found: shape)
        }
        try Operations.check(bias, "bias", channels: shape[0], layer: name)
        outputs = shape[0]
        inputs = shape[1]
        self.bias = bias
        self.activation = activation
        packed = try Operations.filling([weight.count], for: name, from: [weight]) { _, bases, y in
            ptn_channel_gate_pack(shape[1], shape[0], bases[0], y)
        }
    }
}

extension Operations {
    /// Fully connected layers in turn, for vectors such as pooled maps.
    ///
    /// `y[n, o] = activation(Σ_i x[n, i] · weight[o, i] + bias[o])` for each layer. All layers are one
    /// call, and their vectors stay in the first-level cache; for maps, and for large matrices,
    /// ``Linear`` and ``Conv2d`` are faster. Each sum is added in order of its inputs.
    /// - Parameters:
    ///   - x: `[batch, inputs]`, at least one input.
    ///   - layers: at least one; the inputs of each are the outputs of the one before.
    /// - Returns: `[batch, outputs]` of the last layer.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func channelNetwork(
        _ x: Tensor, _ layers: [ChannelNetworkLayer]
    ) throws(ProteanError) -> Tensor {
        let name = "channelNetwork"
        guard x.rank == 2, x.shape[1] > 0 else {
            throw .shapeMismatch(
                layer: name, tensor: "x", expected: "[batch, inputs]", found: x.shape)
        }
        guard !layers.isEmpty else {
            throw .invalidOption(
                layer: name, option: "layers", expected: "at least one", found: "none")
        }
        var width = x.shape[1]
        for layer in layers {
            guard layer.inputs == width else {
                throw .shapeMismatch(
                    layer: name, tensor: "weight", expected: "[outputs, \(width)]",
                    found: [layer.outputs, layer.inputs])
            }
            width = layer.outputs
        }
        let tensors = [x] + layers.flatMap { [$0.packed] + ($0.bias.map { [$0] } ?? []) }
        return try filling([x.shape[0], width], for: name, from: tensors) { runtime, bases, y in
            var next = 1
            let specs = layers.map { layer in
                let bias = layer.bias == nil ? nil : bases[next + 1]
                defer { next += bias == nil ? 1 : 2 }
                return ptn_channel_gate_layer(
                    outputs: layer.outputs, weight: bases[next], bias: bias,
                    activation: layer.activation.kernelSpec)
            }
            return ptn_channel_gate_network(
                runtime, x.shape[0], x.shape[1], specs.count, specs, bases[0], y)
        }
    }

    /// A convolution along the channels: channel c is computed from its neighbours.
    ///
    /// `y[n, c] = activation(Σ_t weight[t] · x[n, c + t − ⌊taps / 2⌋] + bias)`.
    /// - Parameters:
    ///   - x: `[batch, channels]`.
    ///   - weight: any shape of an odd number of elements, the taps.
    ///   - bias: one number, or nil.
    ///   - isCircular: whether the last channel is a neighbour of the first; otherwise there are
    ///     zeros beyond the ends.
    ///   - activation: applied last.
    /// - Returns: `[batch, channels]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func channelConvolution(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, isCircular: Bool = false,
        activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let name = "channelConvolution"
        guard x.rank == 2 else {
            throw .shapeMismatch(
                layer: name, tensor: "x", expected: "[batch, channels]", found: x.shape)
        }
        guard weight.count % 2 == 1 else {
            throw .shapeMismatch(
                layer: name, tensor: "weight", expected: "an odd number of taps",
                found: weight.shape)
        }
        if let bias, bias.count != 1 {
            throw .shapeMismatch(layer: name, tensor: "bias", expected: "[1]", found: bias.shape)
        }
        let inputs = [x, weight] + (bias.map { [$0] } ?? [])
        var spec = activation.kernelSpec
        return try filling(x.shape, for: name, from: inputs) { runtime, bases, y in
            ptn_channel_gate_neighbours(
                runtime, x.shape[0], x.shape[1], weight.count, bases[1],
                bases.count > 2 ? bases[2][0] : 0, isCircular, &spec, bases[0], y)
        }
    }

    /// A weighted sum of the statistics of each channel.
    ///
    /// `y[n, c] = activation(shift[c] + Σ_p weight[p, c] · x[n, p, c])`.
    /// - Parameters:
    ///   - x: `[batch, statistics, channels]`, as from
    ///     ``Operations/channelStatistics(_:_:unbiased:eps:)``; at least one statistic.
    ///   - weight: `[statistics, channels]`.
    ///   - shift: `[channels]`.
    ///   - activation: applied last.
    /// - Returns: `[batch, channels]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func channelMixture(
        _ x: Tensor, weight: Tensor, shift: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let name = "channelMixture"
        guard x.rank == 3, x.shape[1] > 0 else {
            throw .shapeMismatch(
                layer: name, tensor: "x", expected: "[batch, statistics, channels]",
                found: x.shape)
        }
        let (planes, channels) = (x.shape[1], x.shape[2])
        guard weight.shape == [planes, channels] else {
            throw .shapeMismatch(
                layer: name, tensor: "weight", expected: "[\(planes), \(channels)]",
                found: weight.shape)
        }
        try check(shift, "shift", channels: channels, layer: name)
        var spec = activation.kernelSpec
        let shape = [x.shape[0], channels]
        return try filling(shape, for: name, from: [x, weight, shift]) { runtime, bases, y in
            ptn_channel_gate_planes(
                runtime, x.shape[0], planes, channels, bases[1], bases[2], &spec, bases[0], y)
        }
    }

    /// Gates of channels that compete: each is measured by the size of all.
    ///
    /// With e = alpha[c] · x[n, c],
    /// `y[n, c] = 1 + tanh(e · gamma[c] / size + beta[c])`; the size is √(mean of e² + eps) over the
    /// sample's channels, or the mean of |e| plus eps if `isAbsolute`.
    /// - Parameters:
    ///   - x: `[batch, channels]`, such as the l2 norms of the channels.
    ///   - alpha: factors of the inputs, `[channels]`.
    ///   - gamma: factors of the normalised inputs, `[channels]`.
    ///   - beta: shifts, `[channels]`.
    ///   - isAbsolute: whether sizes are absolute values instead of squares.
    ///   - eps: finite and at least 0.
    /// - Returns: `[batch, channels]`.
    /// - Throws: ``ProteanError`` when a tensor or `eps` does not fit.
    public static func channelCompetition(
        _ x: Tensor, alpha: Tensor, gamma: Tensor, beta: Tensor, isAbsolute: Bool = false,
        eps: Double = 1e-5
    ) throws(ProteanError) -> Tensor {
        let name = "channelCompetition"
        guard x.rank == 2 else {
            throw .shapeMismatch(
                layer: name, tensor: "x", expected: "[batch, channels]", found: x.shape)
        }
        try checkEpsilon(eps, layer: name)
        for (tensor, option) in [(alpha, "alpha"), (gamma, "gamma"), (beta, "beta")] {
            try check(tensor, option, channels: x.shape[1], layer: name)
        }
        let inputs = [x, alpha, gamma, beta]
        return try filling(x.shape, for: name, from: inputs) { runtime, bases, y in
            ptn_channel_gate_normed(
                runtime, x.shape[0], x.shape[1], isAbsolute, eps, bases[1], bases[2], bases[3],
                bases[0], y)
        }
    }
}
