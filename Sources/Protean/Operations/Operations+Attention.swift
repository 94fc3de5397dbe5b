import CProteanKernels

/// The keys that a query may use, or the values added to its scores; see
/// ``Operations/scaledDotProductAttention(query:key:value:mask:isCausal:scale:)``.
///
/// The tensor's shape is `[…, queries, keys]`; leading axes may be fewer than the query's, and
/// every axis but the last may be 1, which repeats it. PyTorch's functions disagree about the
/// meaning of a boolean mask, so it must be named here.
public enum AttentionMask: Sendable {
    /// Added to the scores, −∞ for a key that is left out.
    case additive(Tensor)
    /// 0 leaves a key out, any other value does nothing: what
    /// `torch.nn.functional.scaled_dot_product_attention` takes.
    case keeping(Tensor)
    /// Any value other than 0 leaves a key out: what `torch.nn.MultiheadAttention` takes.
    case dropping(Tensor)

    /// The values.
    public var tensor: Tensor {
        switch self {
        case .additive(let tensor), .keeping(let tensor), .dropping(let tensor): tensor
        }
    }

    var kernelValue: ptn_attention_mask_kind {
        switch self {
        case .additive: PTN_ATTENTION_MASK_ADD
        case .keeping: PTN_ATTENTION_MASK_KEEP
        case .dropping: PTN_ATTENTION_MASK_DROP
        }
    }
}

extension Operations {
    /// `softmax(scale · query · keyᵀ + mask) · value`, row by row of the queries, without a matrix of all
    /// scores; `torch.nn.functional.scaled_dot_product_attention`.
    ///
    /// Vaswani et al., "Attention is all you need", arXiv 1706.03762. A query that may use no key
    /// gives zeros, as PyTorch's function. A key that is left out contributes 0 times its value, so
    /// a value that is not finite gives NaN even there. Cost per leading index: queries · keys ·
    /// (depth + value depth) multiply-adds; keys and values are read once for some tens of queries.
    /// - Parameters:
    ///   - query: `[…, queries, depth]`, at least two axes.
    ///   - key: `[…, keys, depth]` with the same leading axes.
    ///   - value: `[…, keys, value depth]` with the same leading axes.
    ///   - mask: see ``AttentionMask``.
    ///   - isCausal: whether query i may use keys 0 … i only. In PyTorch this excludes a mask; here
    ///     both apply.
    ///   - scale: multiplies the scores; nil for 1 / √depth.
    /// - Returns: `[…, queries, value depth]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``, and
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for a scale that is not finite.
    public static func scaledDotProductAttention(
        query: Tensor, key: Tensor, value: Tensor, mask: AttentionMask? = nil,
        isCausal: Bool = false, scale: Float? = nil
    ) throws(ProteanError) -> Tensor {
        let layer = "scaledDotProductAttention"
        try checkAttention(query, key, value, layer: layer)
        let leading = Array(query.shape.dropLast(2))
        let samples = leading.first ?? 1, heads = leading.dropFirst().reduce(1, *)
        var masks: [AttentionMaskRows] = []
        if let mask {
            masks = [
                try AttentionMaskRows(
                    mask, leading: leading, queries: query.shape[query.rank - 2],
                    keys: key.shape[key.rank - 2], layer: layer)
            ]
        }
        let call = AttentionCall(
            samples: samples, heads: heads,
            query: AttentionHeads(of: query, heads: heads),
            key: AttentionHeads(of: key, heads: heads),
            value: AttentionHeads(of: value, heads: heads), masks: masks, isCausal: isCausal,
            scale: try checkedScale(scale, depth: query.shape[query.rank - 1], layer: layer))
        let shape = leading + [query.shape[query.rank - 2], value.shape[value.rank - 1]]
        let steps = AttentionHeads.steps(
            heads: heads, rows: shape[shape.count - 2], depth: shape[shape.count - 1])
        return try call.run(shape: shape, steps: steps, layer: layer)
    }

    private static func checkAttention(
        _ query: Tensor, _ key: Tensor, _ value: Tensor, layer: String
    ) throws(ProteanError) {
        guard query.rank >= 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "query", expected: "[…, queries, depth]", found: query.shape)
        }
        let leading = query.shape.dropLast(2)
        let axes = leading.map { "\($0), " }.joined()
        guard key.rank == query.rank, key.shape.dropLast(2) == leading,
            key.shape.last == query.shape.last
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "key", expected: "[\(axes)keys, \(query.shape.last ?? 0)]",
                found: key.shape)
        }
        guard value.rank == query.rank, value.shape.dropLast() == key.shape.dropLast() else {
            throw .shapeMismatch(
                layer: layer, tensor: "value",
                expected: "[\(axes)\(key.shape[key.rank - 2]), value depth]", found: value.shape)
        }
    }

    /// The scale, 1 / √depth for nil.
    static func checkedScale(
        _ scale: Float?, depth: Int, layer: String
    ) throws(ProteanError) -> Float {
        let scale = scale ?? 1 / Float(max(depth, 1)).squareRoot()
        guard scale.isFinite else {
            throw .invalidOption(
                layer: layer, option: "scale", expected: "a finite number", found: "\(scale)")
        }
        return scale
    }
}
