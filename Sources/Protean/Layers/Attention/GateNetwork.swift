/// The fully connected layers of a gate on pooled vectors, computed in one call.
///
/// Not a module: it refers to layers that are parts of a gate under the names of its reference.
/// Their weights are kept packed, with the norm after them folded in, and remade when a parameter
/// changes.
final class GateNetwork: Sendable {
    /// activation(norm(W · x + b)).
    struct Stage: Sendable {
        let projection: Projection
        let norm: BatchNorm2d?
        let activation: Activation

        init(
            _ projection: Projection, norm: BatchNorm2d? = nil,
            _ activation: Activation = .identity
        ) {
            self.projection = projection
            self.norm = norm
            self.activation = activation
        }

        fileprivate var version: Int {
            projection.weight.version + (projection.bias?.version ?? 0) + (norm?.version ?? 0)
        }

        fileprivate func folded() throws(ProteanError) -> ChannelNetworkLayer {
            guard let norm else {
                return try ChannelNetworkLayer(
                    weight: projection.weight.value, bias: projection.bias?.value,
                    activation: activation)
            }
            let shape = projection.weight.shape
            let rows = try projection.weight.value.reshaped(to: [shape[0], shape[1]])
            let (scale, shift) = try norm.scaleAndShift()
            var bias = shift
            if let own = projection.bias?.value {
                bias = try Operations.add(Operations.multiply(own, scale), shift)
            }
            let column = try scale.reshaped(to: [shape[0], 1])
            return try ChannelNetworkLayer(
                weight: Operations.multiply(rows, column), bias: bias, activation: activation)
        }
    }

    private let stages: [Stage]
    private let folded = Derived<Int, [ChannelNetworkLayer]>()

    init(_ stages: [Stage]) { self.stages = stages }

    /// `[batch, outputs]` for `pooled` of `[batch, inputs]`.
    func callAsFunction(_ pooled: Tensor) throws(ProteanError) -> Tensor {
        let version = stages.reduce(0) { $0 + $1.version }
        let layers = try folded.value(for: version) { () throws(ProteanError) in
            var layers: [ChannelNetworkLayer] = []
            for stage in stages { layers.append(try stage.folded()) }
            return layers
        }
        return try Operations.channelNetwork(pooled, layers)
    }

    /// The products of `batch` vectors; norms count with their parameters only.
    func cost(batch: Int) -> Cost {
        stages.reduce(Cost()) { sum, stage in
            let weights = stage.projection.weight.count
            let parameters = weights + (stage.projection.bias?.count ?? 0)
            let own = Cost(
                multiplyAdds: batch * weights, parameters: parameters,
                bytes: parameters * MemoryLayout<Float>.stride)
            return sum + own.folding(stage.norm)
        }
    }
}
