import CProteanKernels

extension Operations {
    /// activation(a + b), element by element, with broadcasting.
    ///
    /// Broadcasting is NumPy's: shapes are aligned at the innermost axis; sizes are equal or one of
    /// them is 1, which is repeated; missing axes count as 1. For a map `[n, h, w, c]` the other may
    /// be the same shape, a scalar, `[c]`, `[n, 1, 1, c]`, `[h, 1, 1]`, `[n, h, w, 1]` and so on. At
    /// most 8 axes unless the shapes are equal. Cost: one read per operand and one write.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do
    ///   not broadcast.
    public static func add(
        _ a: Tensor, _ b: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        try combine(PTN_BINARY_ADD, a, b, activation, layer: "add")
    }

    /// activation(a − b), element by element; shapes as in ``add(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do
    ///   not broadcast.
    public static func subtract(
        _ a: Tensor, _ b: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        try combine(PTN_BINARY_SUBTRACT, a, b, activation, layer: "subtract")
    }

    /// activation(a · b), element by element; shapes as in ``add(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do
    ///   not broadcast.
    public static func multiply(
        _ a: Tensor, _ b: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        try combine(PTN_BINARY_MULTIPLY, a, b, activation, layer: "multiply")
    }

    private static func combine(
        _ op: ptn_binary_op, _ a: Tensor, _ b: Tensor, _ activation: Activation, layer: String
    ) throws(ProteanError) -> Tensor {
        if let split = broadcast(b.shape, over: a.shape) {
            return try combine(op, full: a, b, split, activation, layer: layer)
        }
        if let split = broadcast(a.shape, over: b.shape) {
            let swapped = op == PTN_BINARY_SUBTRACT ? PTN_BINARY_REVERSE_SUBTRACT : op
            return try combine(swapped, full: b, a, split, activation, layer: layer)
        }
        return try broadcast(generalOperation(op), a, b, activation, layer: layer)
    }

    private static func generalOperation(_ op: ptn_binary_op) -> ptn_broadcast_op {
        switch op {
        case PTN_BINARY_SUBTRACT: PTN_BROADCAST_SUBTRACT
        case PTN_BINARY_MULTIPLY: PTN_BROADCAST_MULTIPLY
        default: PTN_BROADCAST_ADD
        }
    }

    private static func combine(
        _ op: ptn_binary_op, full: Tensor, _ other: Tensor, _ split: [Int],
        _ activation: Activation, layer: String
    ) throws(ProteanError) -> Tensor {
        var spec = activation.kernelSpec
        return try filling(full.shape, for: layer, from: [full, other]) { runtime, inputs, y in
            ptn_binary(
                runtime, op, split[0], split[1], split[2], inputs[0], inputs[1], &spec, y)
        }
    }

    /// Splits `full` into the axes before, along and after those along which `part` is repeated, as
    /// products; nil when `part` is not repeated along neighbouring axes.
    static func broadcast(_ part: [Int], over full: [Int]) -> [Int]? {
        guard part.count <= full.count else { return nil }
        let part = [Int](repeating: 1, count: full.count - part.count) + part
        let repeated = full.indices.filter { part[$0] != full[$0] }
        guard let first = repeated.first, let last = repeated.last else {
            return [1, 1, full.reduce(1, *)]
        }
        guard (first...last).allSatisfy({ part[$0] == 1 }) else { return nil }
        return [
            full[..<first].reduce(1, *), full[first...last].reduce(1, *),
            full[(last + 1)...].reduce(1, *),
        ]
    }

    /// activation(x · scale + shift) per channel: batch normalisation in inference, or per sample
    /// and channel: feature-wise linear modulation.
    ///
    /// Cost: one read and one write of the map.
    /// - Parameters:
    ///   - x: `[…, channels]`; `[batch, …, channels]` for scales and shifts per sample.
    ///   - scale: `[channels]` or `[batch, channels]`.
    ///   - shift: shaped like `scale`.
    ///   - activation: applied last.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func scaleShift(
        _ x: Tensor, scale: Tensor, shift: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let channels = x.shape.last ?? 1
        let rows = x.rank >= 2 && scale.rank == 2 ? [x.shape[0], channels] : [channels]
        for (name, tensor) in [("scale", scale), ("shift", shift)] where tensor.shape != rows {
            throw .shapeMismatch(
                layer: "scaleShift", tensor: name, expected: "\(rows)", found: tensor.shape)
        }
        var spec = activation.kernelSpec
        if rows.count == 2 {
            let pixels = x.shape[1..<x.rank - 1].reduce(1, *)
            return try filling(x.shape, for: "scaleShift", from: [x, scale, shift]) {
                runtime, inputs, y in
                ptn_scale_shift_samples(
                    runtime, rows[0], pixels, channels, inputs[0], inputs[1], inputs[2], &spec, y)
            }
        }
        return try filling(x.shape, for: "scaleShift", from: [x, scale, shift]) {
            runtime, inputs, y in
            ptn_scale_shift(
                runtime, channels == 0 ? 0 : x.count / channels, channels, inputs[0], inputs[1],
                inputs[2], &spec, y)
        }
    }

    /// activation(x · gate + residual) with one gate per sample and channel.
    ///
    /// The last step of channel attention, in one pass over the map: one read of `x` and of the
    /// residual, one write.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - gate: `[batch, channels]` or `[batch, 1, 1, channels]`.
    ///   - residual: shaped like `x`, or nil.
    ///   - activation: applied last.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func scaleChannels(
        _ x: Tensor, by gate: Tensor, residual: Tensor? = nil, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "scaleChannels")
        let (n, c) = (x.shape[0], x.shape[3])
        guard gate.shape == [n, c] || gate.shape == [n, 1, 1, c] else {
            throw .shapeMismatch(
                layer: "scaleChannels", tensor: "gate", expected: "\([n, c])", found: gate.shape)
        }
        if let residual, residual.shape != x.shape {
            throw .shapeMismatch(
                layer: "scaleChannels", tensor: "residual", expected: "\(x.shape)",
                found: residual.shape)
        }
        var spec = activation.kernelSpec
        let inputs = [x, gate] + (residual.map { [$0] } ?? [])
        return try filling(x.shape, for: "scaleChannels", from: inputs) { runtime, inputs, y in
            ptn_scale_channels(
                runtime, n, x.shape[1] * x.shape[2], c, inputs[0], inputs[1],
                inputs.count > 2 ? inputs[2] : nil, &spec, y)
        }
    }
}
