import CProteanKernels

/// The positions of the rows of all samples and heads in a tensor, as steps in floats. The heads
/// may be parts of longer rows.
struct AttentionHeads {
    let tensor: Tensor
    /// Offset of the first row.
    var offset = 0
    let rows: Int
    /// Floats of a row.
    let depth: Int
    let steps: (sample: Int, head: Int, row: Int)

    init(
        tensor: Tensor, offset: Int = 0, rows: Int, depth: Int,
        steps: (sample: Int, head: Int, row: Int)
    ) {
        self.tensor = tensor
        self.offset = offset
        self.rows = rows
        self.depth = depth
        self.steps = steps
    }

    /// Contiguous rows, `[samples · heads, rows, depth]` for any leading axes.
    init(of tensor: Tensor, heads: Int) {
        let (rows, depth) = (tensor.shape[tensor.rank - 2], tensor.shape[tensor.rank - 1])
        self.init(
            tensor: tensor, rows: rows, depth: depth,
            steps: Self.steps(heads: heads, rows: rows, depth: depth))
    }

    static func steps(
        heads: Int, rows: Int, depth: Int
    ) -> (sample: Int, head: Int, row: Int) {
        (heads * rows * depth, rows * depth, depth)
    }

    /// The heads of `[batch, rows, …]`, each a part of a row's `heads · depth` floats from `offset` on.
    init(in tensor: Tensor, offset: Int = 0, heads: Int, depth: Int) {
        let (rows, row) = (tensor.shape[1], tensor.shape[2])
        self.init(
            tensor: tensor, offset: offset, rows: rows, depth: depth,
            steps: (rows * row, depth, row))
    }

    func kernelValue(_ base: UnsafePointer<Float>) -> ptn_attention_rows {
        ptn_attention_rows(
            values: base + offset, sample_step: steps.sample, head_step: steps.head,
            row_step: steps.row)
    }
}

/// A mask, checked against the scores' shape, and how its axes repeat.
struct AttentionMaskRows {
    let mask: AttentionMask
    let columns: Int
    let steps: (sample: Int, head: Int, row: Int)

    /// `leading` are the axes before queries and keys; the first counts samples, the others heads.
    init(
        _ mask: AttentionMask, leading: [Int], queries: Int, keys: Int, name: String = "mask",
        layer: String
    ) throws(ProteanError) {
        let full = leading + [queries, keys]
        let found = mask.tensor.shape
        let sizes = Array(repeating: 1, count: max(0, full.count - found.count)) + found
        let repeats = zip(sizes, full).dropLast().allSatisfy { $0 == $1 || $0 == 1 }
        guard found.count <= full.count, !found.isEmpty, repeats, sizes.last == keys else {
            throw .shapeMismatch(
                layer: layer, tensor: name,
                expected: "\(full), where every axis but the last may be 1", found: found)
        }
        // Several axes of heads must be broadcast as if they were one.
        let heads = sizes.dropFirst().dropLast(2)
        let all = full.dropFirst().dropLast(2)
        guard heads.elementsEqual(all) || heads.allSatisfy({ $0 == 1 }) else {
            throw .shapeMismatch(
                layer: layer, tensor: name,
                expected: "\(full), where the axes \(Array(all)) are all there or all 1",
                found: found)
        }
        let rows = sizes[sizes.count - 2], row = keys
        let count = heads.reduce(1, *)
        self.mask = mask
        columns = keys
        steps = (
            leading.isEmpty || sizes[0] == 1 ? 0 : count * rows * row,
            count == 1 ? 0 : rows * row, rows == 1 ? 0 : row
        )
    }

    func kernelValue(_ base: UnsafePointer<Float>) -> ptn_attention_mask {
        ptn_attention_mask(
            kind: mask.kernelValue,
            rows: ptn_attention_rows(
                values: base, sample_step: steps.sample, head_step: steps.head,
                row_step: steps.row),
            columns: columns)
    }
}

/// One checked call of the attention kernel. Heads may be at any offset in their tensors, and up to
/// two masks apply.
struct AttentionCall {
    let samples: Int
    let heads: Int
    let query, key, value: AttentionHeads
    let masks: [AttentionMaskRows]
    let isCausal: Bool
    /// Number of last keys that every query may use in spite of the masks, which have no columns
    /// for them.
    var appendedKeys = 0
    let scale: Float

    /// The attention's result; shape and steps say where its rows are written. Zeros where a query
    /// may use no key.
    func run(
        shape: [Int], steps: (sample: Int, head: Int, row: Int), layer: String
    ) throws(ProteanError) -> Tensor {
        try Operations.filling(shape, for: layer, from: inputs) { runtime, inputs, y in
            call(runtime, inputs, y, steps, weights: nil)
        }
    }

    /// The same, and the weights `[samples, heads, queries, keys]`.
    func runWithWeights(
        shape: [Int], steps: (sample: Int, head: Int, row: Int), layer: String
    ) throws(ProteanError) -> (output: Tensor, weights: Tensor) {
        let sizes = [samples, heads, query.rows, key.rows]
        guard inputs.allSatisfy({ !$0.isShapeOnly }) else {
            return (try Tensor(shapeOnly: shape), try Tensor(shapeOnly: sizes))
        }
        let weights = try Tensor(uninitialized: sizes, for: layer)
        let output = try Operations.filling(shape, for: layer, from: inputs) { runtime, inputs, y in
            withExtendedLifetime(weights.storage) {
                call(runtime, inputs, y, steps, weights: weights.storage?.base)
            }
        }
        return (output, weights)
    }

    private var inputs: [Tensor] {
        [query.tensor, key.tensor, value.tensor] + masks.map(\.mask.tensor)
    }

    private func call(
        _ runtime: UnsafePointer<ptn_runtime>, _ inputs: [UnsafePointer<Float>],
        _ y: UnsafeMutablePointer<Float>, _ steps: (sample: Int, head: Int, row: Int),
        weights: UnsafeMutablePointer<Float>?
    ) -> ptn_status {
        var shape = ptn_attention_shape(
            samples: samples, heads: heads, queries: query.rows, keys: key.rows,
            depth: query.depth, value_depth: value.depth, scale: scale, causal: isCausal,
            appended: appendedKeys)
        var rows = (
            query.kernelValue(inputs[0]), key.kernelValue(inputs[1]), value.kernelValue(inputs[2])
        )
        var result = ptn_attention_rows(
            values: y, sample_step: steps.sample, head_step: steps.head, row_step: steps.row)
        let kernelMasks = zip(masks, inputs.dropFirst(3)).map { $0.kernelValue($1) }
        return ptn_attention(
            runtime, &shape, &rows.0, &rows.1, &rows.2, kernelMasks, kernelMasks.count, &result,
            weights)
    }
}
