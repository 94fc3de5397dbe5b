import CProteanKernels

/// What spatially adaptive computation time knows of every pixel of `[batch, height, width, 1]`.
struct HaltingState {
    private var cumulative, remainder: Tensor
    private(set) var ponder, units, running: Tensor

    init(batch: Int, size: Size2d) throws(ProteanError) {
        let shape = [batch, size.height, size.width, 1]
        cumulative = try Tensor(zeros: shape)
        remainder = try Tensor(repeating: 1, shape: shape)
        ponder = try Tensor(repeating: 1, shape: shape)
        units = try Tensor(zeros: shape)
        running = try Tensor(repeating: 1, shape: shape)
    }

    /// One unit's step at its active pixels, with the probabilities `sigmoid(local + global)`, or the
    /// last unit's without them. Returns the weights of the unit's state, `[active.count]`.
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
    /// Adds weights · map to `sum` at the active pixels, or sets it to that where it `begins`.
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
