/// One application of ``MultiheadAttention``: its checked inputs, and the work between the inputs and
/// the output's projection.
struct AttentionPass {
    let layer: MultiheadAttention
    let query, key, value: Tensor
    let masks: [AttentionMaskRows]
    let isCausal: Bool

    init(
        layer: MultiheadAttention, query: Tensor, key: Tensor, value: Tensor,
        mask: AttentionMask?, keyMask: AttentionMask?, isCausal: Bool
    ) throws(ProteanError) {
        let place = layer.place
        try Self.check(query, "query", nil, nil, layer.embeddingChannels, place)
        try Self.check(key, "key", query.shape[0], nil, layer.keyChannels, place)
        try Self.check(value, "value", query.shape[0], key.shape[1], layer.valueChannels, place)
        self.layer = layer
        self.query = query
        self.key = key
        self.value = value
        self.isCausal = isCausal
        let (queries, keys) = (query.shape[1], key.shape[1])
        let leading = [query.shape[0], layer.heads]
        var masks: [AttentionMaskRows] = []
        if let mask {
            masks.append(
                try AttentionMaskRows(
                    mask, leading: leading, queries: queries, keys: keys, layer: place))
        }
        if let keyMask {
            masks.append(
                try Self.keyMask(keyMask, leading, queries: queries, keys: keys, place: place))
        }
        self.masks = masks
    }

    private static func check(
        _ x: Tensor, _ name: String, _ batch: Int?, _ length: Int?, _ channels: Int,
        _ place: String
    ) throws(ProteanError) {
        guard x.rank == 3, batch == nil || x.shape[0] == batch,
            length == nil || x.shape[1] == length, x.shape[2] == channels
        else {
            let batch = batch.map { "\($0)" } ?? "batch",
                length = length.map { "\($0)" } ?? "length"
            throw .shapeMismatch(
                layer: place, tensor: name, expected: "[\(batch), \(length), \(channels)]",
                found: x.shape)
        }
    }

    /// `[batch, keys]` as a mask of every head and query.
    private static func keyMask(
        _ mask: AttentionMask, _ leading: [Int], queries: Int, keys: Int, place: String
    ) throws(ProteanError) -> AttentionMaskRows {
        guard mask.tensor.shape == [leading[0], keys] else {
            throw .shapeMismatch(
                layer: place, tensor: "keyMask", expected: "[\(leading[0]), \(keys)]",
                found: mask.tensor.shape)
        }
        let rows = try mask.tensor.reshaped(to: [leading[0], 1, 1, keys])
        let whole: AttentionMask =
            switch mask {
            case .additive: .additive(rows)
            case .keeping: .keeping(rows)
            case .dropping: .dropping(rows)
            }
        return try AttentionMaskRows(
            whole, leading: leading, queries: queries, keys: keys, name: "keyMask", layer: place)
    }

    /// The heads' results, concatenated: `[batch, queries, embeddingChannels]`.
    func run() throws(ProteanError) -> Tensor {
        try call().run(shape: query.shape, steps: steps, layer: layer.place)
    }

    /// The same, and the weights `[batch, heads, queries, keys]`.
    func runWithWeights() throws(ProteanError) -> (output: Tensor, weights: Tensor) {
        try call().runWithWeights(shape: query.shape, steps: steps, layer: layer.place)
    }

    private var depth: Int { layer.embeddingChannels / layer.heads }

    private var steps: (sample: Int, head: Int, row: Int) {
        (query.shape[1] * layer.embeddingChannels, depth, layer.embeddingChannels)
    }

    private func call() throws(ProteanError) -> AttentionCall {
        let (q, k, v) = try projected()
        return AttentionCall(
            samples: query.shape[0], heads: layer.heads, query: q, key: k, value: v,
            masks: masks, isCausal: isCausal, appendedKeys: k.rows - key.shape[1],
            scale: 1 / Float(depth).squareRoot())
    }

    /// The projected heads, with the keys and values that the layer adds.
    private func projected() throws(ProteanError) -> (
        AttentionHeads, AttentionHeads, AttentionHeads
    ) {
        let (projections, heads) = (layer.projections, layer.heads)
        if projections.isJoint, query.isSame(as: key), query.isSame(as: value), !addsKeys {
            let all = try projections.all(of: query)
            func part(_ index: Int) -> AttentionHeads {
                AttentionHeads(
                    in: all, offset: index * layer.embeddingChannels, heads: heads, depth: depth)
            }
            return (part(0), part(1), part(2))
        }
        let q = try projections(.query, of: query)
        let k = try extended(try projections(.key, of: key), by: projections.added.first)
        let v = try extended(try projections(.value, of: value), by: projections.added.last)
        return (
            AttentionHeads(in: q, heads: heads, depth: depth),
            AttentionHeads(in: k, heads: heads, depth: depth),
            AttentionHeads(in: v, heads: heads, depth: depth)
        )
    }

    private var addsKeys: Bool { !layer.projections.added.isEmpty || layer.addZeroAttention }

    /// Keys or values `[batch, length, channels]` followed by the learned row and by zeros.
    private func extended(
        _ x: Tensor, by learned: NamedParameter?
    ) throws(ProteanError) -> Tensor {
        var parts = [x]
        let shape = [x.shape[0], 1, x.shape[2]]
        let zeros = try x.isShapeOnly ? Tensor(shapeOnly: shape) : Tensor(zeros: shape)
        if let learned { parts.append(try Operations.add(zeros, learned.parameter.value)) }
        if layer.addZeroAttention { parts.append(zeros) }
        return parts.count == 1 ? x : try Operations.concatenate(parts, axis: 1)
    }

    /// Projections, scores, weighted sums and the output's projection.
    var cost: Cost {
        let channels = layer.embeddingChannels
        let (batch, queries, keys) = (query.shape[0], query.shape[1], key.shape[1])
        let added = (layer.projections.added.isEmpty ? 0 : 1) + (layer.addZeroAttention ? 1 : 0)
        let projections =
            2 * queries * channels + keys * (layer.keyChannels + layer.valueChannels)
        let products = 2 * queries * (keys + added)
        let parameters =
            layer.projections.parameters.reduce(layer.outputParameterCount) {
                $0 + $1.parameter.count
            }
        return Cost(
            multiplyAdds: batch * channels * (projections + products), parameters: parameters,
            bytes: (query.count * 2 + key.count + value.count + parameters)
                * MemoryLayout<Float>.stride)
    }
}

extension Tensor {
    /// Whether both are the same tensor: they share their elements, or neither carries values.
    fileprivate func isSame(as other: Tensor) -> Bool {
        shape == other.shape && storage === other.storage
    }
}
