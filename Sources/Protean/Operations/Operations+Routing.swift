import CProteanKernels

/// One product on a pooled vector and what follows it: an output of
/// ``Operations/routing(_:hidden:heads:temperature:layer:)``.
public struct RoutingHead: Sendable {
    /// What turns logits into weights.
    public enum Activation: Sendable, Hashable, CaseIterable {
        /// The logits themselves.
        case identity
        /// 1 / (1 + e^−z) for each logit: weights that do not depend on each other.
        case sigmoid
        /// e^z / Σ e^z over the head's logits: weights that sum to 1.
        case softmax

        fileprivate var kernelValue: ptn_routing_kind {
            switch self {
            case .identity: PTN_ROUTING_LOGITS
            case .sigmoid: PTN_ROUTING_SIGMOID
            case .softmax: PTN_ROUTING_SOFTMAX
            }
        }
    }

    /// `[outputs, width]`; further axes of size 1 are allowed, as 1 × 1 convolutions have them.
    public var weight: Tensor
    /// `[outputs]`, or nil.
    public var bias: Tensor?
    /// Applied to the logits after their division by the temperature.
    public var activation: Activation

    /// A head with weights `[outputs, width]` or `[outputs, width, 1, 1]` and a bias `[outputs]`.
    public init(weight: Tensor, bias: Tensor? = nil, activation: Activation) {
        self.weight = weight
        self.bias = bias
        self.activation = activation
    }
}

extension Operations {
    /// Weights for experts, taps or channels from pooled channels: for every head
    /// `activation((weight · h + bias) / temperature)`, where h is `pooled` itself or
    /// `relu(hidden.weight · pooled + hidden.bias)`, computed once for all heads.
    ///
    /// Pooled channels are ``globalAveragePool(_:)``'s result in CondConv, dynamic convolution and
    /// omni-dimensional convolution. A sample's bits do not depend on the other samples. Cost per
    /// sample: hidden · channels and outputs · width multiply-adds.
    /// - Parameters:
    ///   - pooled: `[batch, channels]`.
    ///   - hidden: a hidden layer's weights `[width, channels]` and bias `[width]`, or nil for none.
    ///   - heads: the products; `width` is `channels` without a hidden layer.
    ///   - temperature: divides all logits; greater than 0 and finite.
    ///   - layer: the caller's name, for errors.
    /// - Returns: a tensor `[batch, outputs]` for each head, in their order.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` and
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for the temperature.
    public static func routing(
        _ pooled: Tensor, hidden: (weight: Tensor, bias: Tensor?)? = nil, heads: [RoutingHead],
        temperature: Float = 1, layer: String = "routing"
    ) throws(ProteanError) -> [Tensor] {
        try checkTemperature(temperature, layer: layer)
        guard pooled.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "pooled", expected: "[batch, channels]", found: pooled.shape)
        }
        let (samples, channels) = (pooled.shape[0], pooled.shape[1])
        let width = hidden?.weight.shape.first ?? channels
        if let hidden {
            try check(hidden.weight, hidden.bias, width: channels, "hidden", layer: layer)
        }
        for (index, head) in heads.enumerated() {
            try check(head.weight, head.bias, width: width, "heads[\(index)]", layer: layer)
        }
        let shapes = heads.map { [samples, $0.weight.shape[0]] }
        var inputs: [Tensor?] = [pooled, hidden?.weight, hidden?.bias]
        for head in heads { inputs += [head.weight, head.bias] }
        if inputs.contains(where: { $0?.isShapeOnly == true }) {
            return try shapes.map { shape throws(ProteanError) in try Tensor(shapeOnly: shape) }
        }
        let results = try shapes.map { shape throws(ProteanError) in
            try Tensor(uninitialized: shape, for: layer)
        }
        var shape = ptn_routing_shape(
            samples: samples, channels: channels, hidden: hidden == nil ? 0 : width,
            temperature: temperature)
        var runtime = try Runtime.current()
        let kernelHeads = zip(heads, results).map { $0.kernelValue(result: $1) }
        let status = withExtendedLifetime((inputs, results)) {
            ptn_routing(
                &runtime, &shape, pooled.storage?.base, hidden?.weight.storage?.base,
                hidden?.bias?.storage?.base, kernelHeads, kernelHeads.count)
        }
        try status.check(layer)
        return results
    }

    /// Throws unless a temperature is a finite number greater than 0.
    static func checkTemperature(
        _ temperature: Float, layer: String
    ) throws(ProteanError) {
        guard temperature > 0, temperature.isFinite else {
            throw .invalidOption(
                layer: layer, option: "temperature", expected: "a finite number greater than 0",
                found: "\(temperature)")
        }
    }

    private static func check(
        _ weight: Tensor, _ bias: Tensor?, width: Int, _ name: String, layer: String
    ) throws(ProteanError) {
        let shape = weight.shape
        guard weight.rank >= 2, shape[1] == width, shape.dropFirst(2).allSatisfy({ $0 == 1 }),
            shape[0] >= 1
        else {
            throw .shapeMismatch(
                layer: layer, tensor: name + ".weight", expected: "[outputs, \(width)]",
                found: shape)
        }
        if let bias, bias.shape != [shape[0]] {
            throw .shapeMismatch(
                layer: layer, tensor: name + ".bias", expected: "[\(shape[0])]",
                found: bias.shape)
        }
    }
}

extension RoutingHead {
    fileprivate func kernelValue(result: Tensor) -> ptn_routing_head {
        ptn_routing_head(
            weight: UnsafePointer(weight.storage?.base), bias: UnsafePointer(bias?.storage?.base),
            outputs: weight.shape[0], kind: activation.kernelValue, y: result.storage?.base)
    }
}
