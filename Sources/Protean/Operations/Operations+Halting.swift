import CProteanKernels

/// The state of spatially adaptive computation time for every pixel, maps of
/// `[batch, height, width, 1]`; see ``SpatiallyAdaptiveComputationTime``. A value type: copies are
/// independent.
public struct HaltingState: Sendable {
    /// The sum of halting probabilities so far.
    public private(set) var cumulative: Tensor
    /// 1 minus the sum of probabilities before the unit in which a pixel halts.
    public private(set) var remainder: Tensor
    /// Units plus remainder: the cost that training penalises.
    public private(set) var ponder: Tensor
    /// Units that computed each pixel.
    public private(set) var units: Tensor
    /// 1 where a pixel still runs, else 0.
    public private(set) var running: Tensor

    /// The state before the first unit: all pixels run.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public init(batch: Int, size: Size2d) throws(ProteanError) {
        let shape = [batch, size.height, size.width, 1]
        cumulative = try Tensor(zeros: shape)
        remainder = try Tensor(repeating: 1, shape: shape)
        ponder = try Tensor(repeating: 1, shape: shape)
        units = try Tensor(zeros: shape)
        running = try Tensor(repeating: 1, shape: shape)
    }

    /// One unit's step at its active pixels, with the probabilities `sigmoid(local + global)`, or,
    /// for the last unit, without them. Returns the weights of the unit's state, `[active.count]`.
    mutating func step(
        _ active: MaskPlan, scores: (local: Tensor, global: Tensor)?, limit: Float, layer: String
    ) throws(ProteanError) -> Tensor {
        let weights = try Tensor(uninitialized: [active.count], for: layer)
        var state = ptn_halting()
        state.cumulative = try cumulative.uniqueBase()
        state.remainder = try remainder.uniqueBase()
        state.ponder = try ponder.uniqueBase()
        state.units = try units.uniqueBase()
        state.running = try running.uniqueBase()
        var runtime = try Runtime.current()
        let status = withExtendedLifetime((active, scores)) {
            ptn_halting_step(
                &runtime, active.kernelPlan, scores?.local.storage?.base,
                scores?.global.storage?.base, limit, &state, weights.storage!.base)
        }
        try status.check(layer)
        return weights
    }
}

extension Operations {
    /// One unit's halting step at its active pixels, as a pure function: the new state and the
    /// weights of the unit's features in the output, `[active pixels]`.
    ///
    /// A pixel whose sum of probabilities `sigmoid(local + global)` reaches `limit` halts with the
    /// remainder to 1 as its weight. Figurnov et al., arXiv 1612.02297.
    /// - Parameters:
    ///   - state: the state before; unchanged.
    ///   - active: the pixels that run, of the state's size.
    ///   - scores: `local` `[active pixels, 1]` and `global` `[batch]`; nil in the last unit, where all
    ///     halt.
    ///   - limit: 1 − epsilon, so that a pixel can halt after one unit.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor does not fit or carries no values.
    public static func haltingStep(
        _ state: HaltingState, at active: MaskPlan, scores: (local: Tensor, global: Tensor)?,
        limit: Float, layer: String = "haltingStep"
    ) throws(ProteanError) -> (state: HaltingState, weights: Tensor) {
        let size = [active.batch, active.size.height, active.size.width, 1]
        guard state.running.shape == size else {
            throw .shapeMismatch(
                layer: layer, tensor: "state", expected: "\(size)", found: state.running.shape)
        }
        if let scores {
            for (name, tensor, expected) in [
                ("local", scores.local, active.count), ("global", scores.global, active.batch),
            ] where tensor.count != expected {
                throw .shapeMismatch(
                    layer: layer, tensor: name, expected: "\(expected) elements",
                    found: tensor.shape)
            }
            guard !scores.local.isShapeOnly, !scores.global.isShapeOnly else {
                throw .noValues(layer: layer)
            }
        }
        var next = state
        let weights = try next.step(active, scores: scores, limit: limit, layer: layer)
        return (next, weights)
    }

    /// `sum` + weights · map at the active pixels, as a new map; without `sum`, weights · map there and
    /// zeros elsewhere.
    ///
    /// - Parameters:
    ///   - map: `[batch, height, width, channels]`.
    ///   - weights: `[active pixels]`.
    ///   - active: which pixels are added, of the map's size.
    ///   - sum: shaped like `map`, or nil.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor does not fit or carries no values.
    public static func addingWeighted(
        _ map: Tensor, _ weights: Tensor, at active: MaskPlan, to sum: Tensor? = nil,
        layer: String = "addingWeighted"
    ) throws(ProteanError) -> Tensor {
        let pixels = [active.batch, active.size.height, active.size.width]
        guard map.rank == 4, Array(map.shape.prefix(3)) == pixels else {
            throw .shapeMismatch(
                layer: layer, tensor: "map", expected: "\(pixels) and channels", found: map.shape)
        }
        for (name, tensor, expected) in [("weights", weights, [active.count])]
            + (sum.map { [("sum", $0, map.shape)] } ?? []) where tensor.shape != expected
        {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(expected)", found: tensor.shape)
        }
        let tensors = [map, weights] + (sum.map { [$0] } ?? [])
        if tensors.contains(where: \.isShapeOnly) { return try Tensor(shapeOnly: map.shape) }
        var result: Tensor
        if let sum { result = sum } else { result = try Tensor(zeros: map.shape) }
        try addWeighted(map, weights, at: active, to: &result, begins: sum == nil, layer: layer)
        return result
    }

    /// Adds weights · map to `sum` at the active pixels, or, if it `begins`, sets `sum` to that
    /// product.
    static func addWeighted(
        _ map: Tensor, _ weights: Tensor, at active: MaskPlan, to sum: inout Tensor, begins: Bool,
        layer: String
    ) throws(ProteanError) {
        let base = try sum.uniqueBase()
        var runtime = try Runtime.current()
        let status = withExtendedLifetime((map, weights, active)) {
            ptn_mask_add_weighted(
                &runtime, active.kernelPlan, map.shape[3], begins, weights.storage!.base,
                map.storage!.base, base)
        }
        try status.check(layer)
    }
}
