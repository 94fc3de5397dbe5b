/// One step of a change-driven network: a convolution with the norm and activation after it, or a
/// layer that computes every pixel from that pixel alone.
enum DeltaStep: Sendable {
    case convolution(FusedMaskedConv2d)
    case pointwise(any PixelwiseLayer)

    /// Grows whenever a parameter changes.
    var version: Int {
        switch self {
        case .convolution(let conv): conv.version
        case .pointwise(let layer): layer.version
        }
    }

    /// The result for a first frame. Convolutions run on a list of all pixels, so that sums are
    /// added in the same order as for later frames.
    func first(_ x: Tensor) throws(ProteanError) -> (output: Tensor, computed: MaskPlan) {
        switch self {
        case .convolution(let conv):
            let shape = try conv.conv.geometry.plan(for: x.shape, layer: conv.conv.place)
                .outputShape
            let all = try Self.all(shape)
            return (try conv(x, mask: all), all)
        case .pointwise(let layer):
            return (try layer(x), try Self.all(x.shape))
        }
    }

    private static func all(_ shape: [Int]) throws(ProteanError) -> MaskPlan {
        let none = try MaskPlan(Tensor(zeros: Array(shape.prefix(3))))
        return try none.inverted()
    }

    /// Recomputes the outputs that read a changed input pixel, in place, and returns their mask.
    func update(
        _ step: inout DeltaState.Step, changed: MaskPlan
    ) throws(ProteanError) -> MaskPlan {
        switch self {
        case .convolution(let conv):
            let outputs = try changed.affected(by: conv.conv.geometry)
            try conv.update(&step.output, with: step.input, mask: outputs)
            return outputs
        case .pointwise(let layer):
            if changed.count == 0 { return changed }
            let rows = try Operations.gather(step.input, at: changed)
            let map = try layer(try rows.reshaped(to: [1, 1, changed.count, rows.shape[1]]))
            try step.output.scatter(try map.reshaped(to: rows.shape), at: changed)
            return changed
        }
    }
}

/// Steps one after the other, driven by the changes from frame to frame.
struct DeltaSteps: Sendable {
    let steps: [DeltaStep]
    let norm: PixelNorm
    let epsilon: Float

    static func check(_ epsilon: Float, layer: String) throws(ProteanError) {
        guard epsilon >= 0, epsilon.isFinite else {
            throw .invalidOption(
                layer: layer, option: "epsilon", expected: "a finite number of at least 0",
                found: "\(epsilon)")
        }
    }

    func run(
        _ x: Tensor, _ state: inout DeltaState, layer: String
    ) throws(ProteanError) -> Tensor {
        guard !x.isShapeOnly else { throw .noValues(layer: layer) }
        let version = steps.reduce(0) { $0 + $1.version }
        if state.isEmpty || state.version != version {
            try first(x, &state)
            state.version = version
        } else {
            guard state.steps.count == steps.count, x.shape == state.steps.first?.input.shape
            else {
                throw .shapeMismatch(
                    layer: layer, tensor: "x",
                    expected: "that of the stream's frames before, "
                        + "\(state.steps.first?.input.shape ?? [])", found: x.shape)
            }
            try next(x, &state)
        }
        return state.steps.last?.output ?? x
    }

    private func first(_ x: Tensor, _ state: inout DeltaState) throws(ProteanError) {
        var made: [DeltaState.Step] = []
        var y = x
        for step in steps {
            let (output, computed) = try step.first(y)
            made.append(DeltaState.Step(input: y, output: output))
            state.computed = computed
            y = output
        }
        state.steps = made
    }

    /// After an error the state is empty, so that the next frame is computed as a first one.
    private func next(_ x: Tensor, _ state: inout DeltaState) throws(ProteanError) {
        var kept = state.steps
        state.steps = []
        var input = x
        var candidates: MaskPlan?
        for (index, step) in steps.enumerated() {
            let changed = try MaskPlan(
                changesOf: input, from: kept[index].input, norm: norm, above: epsilon,
                within: candidates)
            try kept[index].input.scatter(
                try Operations.gather(input, at: changed), at: changed)
            candidates = try step.update(&kept[index], changed: changed)
            input = kept[index].output
        }
        state.computed = candidates
        state.steps = kept
    }
}

extension Tensor {
    /// Replaces the active pixels of this map by `rows`, in place where this is the only reference
    /// to its memory.
    mutating func scatter(_ rows: Tensor, at mask: MaskPlan) throws(ProteanError) {
        let map = self
        self = try Tensor(shapeOnly: shape)
        self = try Operations.scatter(rows, at: mask, into: consume map)
    }
}
