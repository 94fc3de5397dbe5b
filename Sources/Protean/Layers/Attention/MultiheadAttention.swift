/// Attention of several heads over sequences: `torch.nn.MultiheadAttention` with `batch_first=True`.
///
/// Query, key and value are projected to `embeddingChannels`, cut into heads, attended with
/// `softmax(q · kᵀ / √depth + masks) · v`, joined and projected again. Vaswani et al., "Attention is all
/// you need", arXiv 1706.03762.
///
/// Query `[batch, queries, embeddingChannels]`, key `[batch, keys, keyChannels]`, value
/// `[batch, keys, valueChannels]`, result `[batch, queries, embeddingChannels]`. Parameters as in
/// PyTorch: `in_proj_weight` `[3 · E, E]`, or `q_proj_weight`, `k_proj_weight`, `v_proj_weight`
/// where keys or values have other channels; `in_proj_bias` `[3 · E]`, `out_proj.weight`,
/// `out_proj.bias`, `bias_k` and `bias_v` `[1, 1, E]`. A query that may use no key attends to
/// nothing: its result is `out_proj.bias`. No matrix of all scores is stored unless the weights are
/// requested. Cost: projections plus 2 · queries · keys · E multiply-adds per sample.
public final class MultiheadAttention: Layer {
    /// E, the channels of queries and results.
    public let embeddingChannels: Int
    /// Number of heads, a divisor of ``embeddingChannels``.
    public let heads: Int
    /// Channels of the input keys.
    public let keyChannels: Int
    /// Channels of the input values.
    public let valueChannels: Int
    /// Whether a key and a value of zeros are added to every sequence.
    public let addZeroAttention: Bool
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    let projections: AttentionProjections
    private let output: Linear

    /// A layer with seeded initial values: weights uniform in ±√(6 / (inputs + outputs)), biases 0.
    ///
    /// - Parameters:
    ///   - embeddingChannels: channels of queries and results.
    ///   - heads: a divisor of `embeddingChannels`.
    ///   - bias: whether the projections have biases.
    ///   - addBiasKeyValue: whether a learned key and value, `bias_k` and `bias_v`, follow those of every
    ///     sequence.
    ///   - addZeroAttention: whether a key and a value of zeros are appended to every sequence.
    ///   - keyChannels: channels of keys; nil for `embeddingChannels`.
    ///   - valueChannels: channels of values; nil for `embeddingChannels`.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        embeddingChannels: Int, heads: Int, bias: Bool = true, addBiasKeyValue: Bool = false,
        addZeroAttention: Bool = false, keyChannels: Int? = nil, valueChannels: Int? = nil,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "MultiheadAttention"
        let (keys, values) = (keyChannels ?? embeddingChannels, valueChannels ?? embeddingChannels)
        try checkChannels(embeddingChannels, "embeddingChannels", layer: layer)
        try checkChannels(keys, "keyChannels", layer: layer)
        try checkChannels(values, "valueChannels", layer: layer)
        guard heads >= 1, embeddingChannels % heads == 0 else {
            throw .invalidOption(
                layer: layer, option: "heads", expected: "a divisor of \(embeddingChannels)",
                found: "\(heads)")
        }
        self.embeddingChannels = embeddingChannels
        self.heads = heads
        self.keyChannels = keys
        self.valueChannels = values
        self.addZeroAttention = addZeroAttention
        projections = try AttentionProjections(
            to: embeddingChannels, keys: keys, values: values, bias: bias,
            added: addBiasKeyValue, seed: seed)
        output = try Linear(
            inputFeatures: embeddingChannels, outputFeatures: embeddingChannels, bias: bias,
            seed: seed &+ 7)
        try output.bias?.set(try Tensor(zeros: [embeddingChannels]))
    }

    /// The projections' weights and biases.
    public var parameters: [NamedParameter] { projections.parameters }
    /// `out_proj`.
    public var submodules: [NamedModule] { [NamedModule("out_proj", output)] }
    /// As many out as in.
    public var channelFlow: ChannelFlow {
        .fixed(input: embeddingChannels, output: embeddingChannels)
    }

    /// Self-attention: `x` is query, key and value.
    ///
    /// - Throws: ``ProteanError`` when `x` is not `[batch, length, embeddingChannels]`, or when keys or
    ///   values need other channels.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(query: x, key: x, value: x)
    }

    /// The attention's result.
    ///
    /// - Parameters:
    ///   - query: `[batch, queries, embeddingChannels]`.
    ///   - key: `[batch, keys, keyChannels]`.
    ///   - value: `[batch, keys, valueChannels]`.
    ///   - mask: `[queries, keys]`, or up to `[batch, heads, queries, keys]`, where every axis but the
    ///     last may be 1. PyTorch's `attn_mask`, a boolean one as ``AttentionMask/dropping(_:)``.
    ///   - keyMask: `[batch, keys]`. PyTorch's `key_padding_mask`, a boolean one as
    ///     ``AttentionMask/dropping(_:)``.
    ///   - isCausal: whether query i may use keys 0 … i only. Keys that the layer adds stay visible to
    ///     all queries as with PyTorch's mask.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func callAsFunction(
        query: Tensor, key: Tensor, value: Tensor, mask: AttentionMask? = nil,
        keyMask: AttentionMask? = nil, isCausal: Bool = false
    ) throws(ProteanError) -> Tensor {
        let pass = try AttentionPass(
            layer: self, query: query, key: key, value: value, mask: mask, keyMask: keyMask,
            isCausal: isCausal)
        return try traced("MultiheadAttention", path: label, input: query, cost: { _ in pass.cost })
        {
            () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in try output(try pass.run()) }
        }
    }

    /// The attention's result and its weights: for every query the share of every key.
    ///
    /// As ``callAsFunction(query:key:value:mask:keyMask:isCausal:)``, with PyTorch's
    /// `need_weights=True`. The weights take memory and a second product of queries and keys.
    /// - Parameters:
    ///   - query: as for the call without weights.
    ///   - key: likewise.
    ///   - value: likewise.
    ///   - mask: likewise.
    ///   - keyMask: likewise.
    ///   - isCausal: likewise.
    ///   - averaged: whether the weights are means over the heads.
    /// - Returns: The result, and weights `[batch, queries, keys]`, or `[batch, heads, queries, keys]`
    ///   unless `averaged`; keys that the layer adds are the last ones.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func attend(
        query: Tensor, key: Tensor, value: Tensor, mask: AttentionMask? = nil,
        keyMask: AttentionMask? = nil, isCausal: Bool = false, averaged: Bool = true
    ) throws(ProteanError) -> (output: Tensor, weights: Tensor) {
        let pass = try AttentionPass(
            layer: self, query: query, key: key, value: value, mask: mask, keyMask: keyMask,
            isCausal: isCausal)
        var weights = query
        let y = try traced(
            "MultiheadAttention", path: label, input: query, cost: { _ in pass.cost }
        ) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                let parts = try pass.runWithWeights()
                weights = parts.weights
                return try output(parts.output)
            }
        }
        return (y, averaged ? try Self.average(weights) : weights)
    }

    /// The mean over the heads of `[batch, heads, queries, keys]`.
    private static func average(_ weights: Tensor) throws(ProteanError) -> Tensor {
        let shape = [weights.shape[0], weights.shape[2], weights.shape[3]]
        // As a map whose pixels are the heads and whose channels are all pairs of query and key.
        let map = try weights.reshaped(
            to: [shape[0], weights.shape[1], 1, shape[1] * shape[2]])
        return try Operations.globalAveragePool(map).reshaped(to: shape)
    }

    var outputParameterCount: Int { output.parameterCount }
}
