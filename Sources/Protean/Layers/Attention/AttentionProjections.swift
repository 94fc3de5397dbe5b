/// The projections of queries, keys and values in ``MultiheadAttention``: one weight for all three
/// if they have the same channels, else one each; and a learned key and value.
struct AttentionProjections: Sendable {
    /// The inputs that are projected.
    enum Part: Int, CaseIterable { case query, key, value }

    let channels: Int
    /// `in_proj_weight` alone, or the three weights.
    let weights: [NamedParameter]
    /// `in_proj_bias`, for all three.
    let bias: Parameter?
    /// `bias_k` and `bias_v`.
    let added: [NamedParameter]

    /// Layers made of the current weights: all three projections as one, and each separately.
    private let joint = Derived<Int, Linear>()
    private let separate = Derived<Int, [Linear]>()

    init(
        to channels: Int, keys: Int, values: Int, bias: Bool, added: Bool, seed: UInt64
    ) throws(ProteanError) {
        self.channels = channels
        let layer = "MultiheadAttention"
        func weight(
            _ name: String, _ outputs: Int, _ inputs: Int, _ seed: UInt64
        ) throws(ProteanError) -> NamedParameter {
            let bound = (6 / Float(inputs + outputs)).squareRoot()
            return NamedParameter(
                name,
                try Parameter(
                    uniform: [outputs, inputs], in: -bound...bound, seed: seed, layer: layer))
        }
        if keys == channels && values == channels {
            weights = [try weight("in_proj_weight", 3 * channels, channels, seed)]
        } else {
            weights = [
                try weight("q_proj_weight", channels, channels, seed),
                try weight("k_proj_weight", channels, keys, seed &+ 1),
                try weight("v_proj_weight", channels, values, seed &+ 2),
            ]
        }
        self.bias =
            bias ? try Parameter(repeating: 0, shape: [3 * channels], layer: layer) : nil
        var extra: [NamedParameter] = []
        for (i, name) in ["bias_k", "bias_v"].enumerated() where added {
            let bound = (6 / Float(channels + 1)).squareRoot()
            let values = try Parameter(
                uniform: [1, 1, channels], in: -bound...bound, seed: seed &+ 3 &+ UInt64(i),
                layer: layer)
            extra.append(NamedParameter(name, values))
        }
        self.added = extra
    }

    /// In PyTorch's order.
    var parameters: [NamedParameter] {
        weights + (bias.map { [NamedParameter("in_proj_bias", $0)] } ?? []) + added
    }

    /// Whether one product projects all three.
    var isJoint: Bool { weights.count == 1 }

    private var version: Int {
        weights.reduce(bias?.version ?? 0) { $0 + $1.parameter.version }
    }

    /// Query, key and value of `x`, concatenated: `[batch, length, 3 · channels]`.
    func all(of x: Tensor) throws(ProteanError) -> Tensor {
        let layer = try joint.value(for: version) { () throws(ProteanError) in
            try Linear(weight: weights[0].parameter.value, bias: bias?.value)
        }
        return try layer(x)
    }

    /// One of the three projections of `x`, `[batch, length, channels]`.
    func callAsFunction(_ part: Part, of x: Tensor) throws(ProteanError) -> Tensor {
        let layers = try separate.value(for: version) { () throws(ProteanError) in
            var layers: [Linear] = []
            for part in Part.allCases { layers.append(try layer(part)) }
            return layers
        }
        return try layers[part.rawValue](x)
    }

    private func layer(_ part: Part) throws(ProteanError) -> Linear {
        let own = isJoint ? weights[0].parameter.value : weights[part.rawValue].parameter.value
        let weight = isJoint ? try rows(of: own, part) : own
        let bias = try bias.map { bias throws(ProteanError) in
            try rows(of: bias.value.reshaped(to: [3 * channels, 1]), part)
                .reshaped(to: [channels])
        }
        return try Linear(weight: weight, bias: bias)
    }

    /// The third of a matrix's rows that belongs to `part`.
    private func rows(of matrix: Tensor, _ part: Part) throws(ProteanError) -> Tensor {
        let map = try matrix.reshaped(to: [1, matrix.shape[0], matrix.shape[1], 1])
        return try Operations.crop(
            map, top: part.rawValue * channels, height: channels, width: matrix.shape[1]
        ).reshaped(to: [channels, matrix.shape[1]])
    }
}
