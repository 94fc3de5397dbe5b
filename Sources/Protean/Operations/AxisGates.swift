import CProteanKernels

/// How the gates of ``AxisGates`` that belong to an element become the factor of this element.
public enum GateCombination: Sendable, Hashable, CaseIterable {
    /// The product of all.
    case product
    /// The sum of all.
    case sum
    /// The mean of all.
    case mean
    /// The largest; NaN if one of them is.
    case maximum
    /// sigmoid of the sum.
    case sigmoidOfSum
    /// 1 + sigmoid of the product.
    case onePlusSigmoid

    var kernelValue: ptn_gate_kind {
        switch self {
        case .product: PTN_GATE_PRODUCT
        case .sum: PTN_GATE_SUM
        case .mean: PTN_GATE_MEAN
        case .maximum: PTN_GATE_MAXIMUM
        case .sigmoidOfSum: PTN_GATE_SIGMOID_OF_SUM
        case .onePlusSigmoid: PTN_GATE_ONE_PLUS_SIGMOID
        }
    }
}

/// Gates of a map that vary along some of its axes only, and how they are combined to one factor
/// per element. They are applied in one pass over the map, without a map of factors:
/// ``Operations/gate(_:by:residual:activation:layer:)-(_,AxisGates,_,_,_)``.
public struct AxisGates: Sendable {
    /// One per channel, `[batch, channels]`.
    public var channels: Tensor?
    /// One per channel and row, `[batch, height, 1, channels]`. Not together with `channels`.
    public var rows: Tensor?
    /// One per channel and column, `[batch, width, 1, channels]` or `[batch, 1, width, channels]`.
    public var columns: Tensor?
    /// One per pixel, `[batch, height, width, 1]`.
    public var pixels: Tensor?
    /// What becomes of those that are there, in the order of these properties.
    public var combination: GateCombination

    /// Gates along some axes; at least one kind, and not both channels and rows.
    public init(
        channels: Tensor? = nil, rows: Tensor? = nil, columns: Tensor? = nil,
        pixels: Tensor? = nil, combination: GateCombination = .product
    ) {
        self.channels = channels
        self.rows = rows
        self.columns = columns
        self.pixels = pixels
        self.combination = combination
    }

    /// The tensors that are there, in order.
    var tensors: [Tensor] { [channels, rows, columns, pixels].compactMap { $0 } }

    /// Throws unless the gates fit maps of shape `map`.
    func check(map: [Int], layer: String) throws(ProteanError) {
        let (n, h, w, c) = (map[0], map[1], map[2], map[3])
        let fitting: [(name: String, tensor: Tensor?, shapes: [[Int]])] = [
            ("channels", channels, [[n, c], [n, 1, 1, c]]),
            ("rows", rows, [[n, h, 1, c], [n, h, c]]),
            ("columns", columns, [[n, w, 1, c], [n, 1, w, c], [n, w, c]]),
            ("pixels", pixels, [[n, h, w, 1], [n, h, w]]),
        ]
        for (name, tensor, shapes) in fitting {
            guard let tensor, !shapes.contains(tensor.shape) else { continue }
            throw .shapeMismatch(
                layer: layer, tensor: "gates of " + name, expected: "\(shapes[0])",
                found: tensor.shape)
        }
        guard !tensors.isEmpty, channels == nil || rows == nil else {
            throw .invalidOption(
                layer: layer, option: "gates",
                expected: "at least one kind, and not both channels and rows",
                found: tensors.isEmpty ? "none" : "channels and rows")
        }
    }
}

extension Operations {
    /// activation(x · gates + residual) for gates that vary along some axes only: the last step of
    /// spatial, coordinate and mixed attention, in one pass over the map.
    ///
    /// The product is rounded before the residual is added, so bits are those of separate steps.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - gates: at least one kind.
    ///   - residual: shaped like `x`, or nil.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Returns: a tensor of `x`'s shape.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public static func gate(
        _ x: Tensor, by gates: AxisGates, residual: Tensor? = nil,
        activation: Activation = .identity, layer: String = "gate"
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: layer)
        try gates.check(map: x.shape, layer: layer)
        if let residual, residual.shape != x.shape {
            throw .shapeMismatch(
                layer: layer, tensor: "residual", expected: "\(x.shape)", found: residual.shape)
        }
        var spec = activation.kernelSpec
        let inputs = [x] + gates.tensors + (residual.map { [$0] } ?? [])
        return try filling(x.shape, for: layer, from: inputs) { runtime, inputs, y in
            var rest = inputs.dropFirst()
            func next(_ tensor: Tensor?) -> UnsafePointer<Float>? {
                tensor == nil ? nil : rest.removeFirst()
            }
            var kernel = ptn_map_gates()
            kernel.kind = gates.combination.kernelValue
            kernel.samples = next(gates.channels)
            kernel.rows = next(gates.rows)
            kernel.columns = next(gates.columns)
            kernel.pixels = next(gates.pixels)
            return ptn_gate_map(
                runtime, x.shape[0], x.shape[1], x.shape[2], x.shape[3], inputs[0], &kernel,
                next(residual), &spec, y)
        }
    }

    /// activation(x · gates + residual) with one gate per pixel and group of channels.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - gates: `[batch, height, width, groups]`; groups divide the channels, of which each has
    ///     `channels / groups` that follow each other.
    ///   - residual: shaped like `x`, or nil.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Returns: a tensor of `x`'s shape.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public static func gateGroups(
        _ x: Tensor, by gates: Tensor, residual: Tensor? = nil,
        activation: Activation = .identity, layer: String = "gateGroups"
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: layer)
        let (c, groups) = (x.shape[3], gates.shape.last ?? 0)
        guard gates.rank == 4, gates.shape.dropLast() == x.shape.dropLast(), groups > 0,
            c % groups == 0
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "gates",
                expected: "\(x.shape.dropLast() + [c]), or fewer groups that divide \(c)",
                found: gates.shape)
        }
        if let residual, residual.shape != x.shape {
            throw .shapeMismatch(
                layer: layer, tensor: "residual", expected: "\(x.shape)", found: residual.shape)
        }
        var spec = activation.kernelSpec
        let inputs = [x, gates] + (residual.map { [$0] } ?? [])
        return try filling(x.shape, for: layer, from: inputs) { runtime, inputs, y in
            ptn_gate_groups(
                runtime, x.count / max(c, 1), c, groups, inputs[0], inputs[1],
                inputs.count > 2 ? inputs[2] : nil, &spec, y)
        }
    }
}
