/// A convolution at the active pixels of a mask, the batch norm after it and an activation, run as
/// one kernel; see ``FusedConv2d`` and ``MaskedConv2d``.
///
/// Not a module: it refers to layers that are part of a model elsewhere.
public final class FusedMaskedConv2d: Sendable {
    let conv: Conv2d
    let norm: (any FoldableNorm)?
    let activation: Activation
    let maskedPlans: MaskedConv2dPlanCache
    /// The plans of the dense algorithm.
    private let plans: Conv2dPlanCache

    /// Fuses `conv`, then `norm`, then `activation`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's
    ///   channels are not the convolution's, or when Winograd's algorithm is requested and does not
    ///   apply.
    public init(
        _ conv: Conv2d, _ norm: (any FoldableNorm)? = nil, _ activation: Activation = .identity,
        algorithm: MaskedConv2dAlgorithm = .automatic
    ) throws(ProteanError) {
        try norm?.check(follows: conv.geometry, layer: "FusedMaskedConv2d")
        self.conv = conv
        self.norm = norm
        self.activation = activation
        let parameters = Conv2dParameters(
            weight: conv.weight, bias: conv.bias, norm: norm, geometry: conv.geometry)
        plans = Conv2dPlanCache(parameters)
        maskedPlans = try MaskedConv2dPlanCache(
            parameters, algorithm: algorithm, layer: "MaskedConv2d")
    }

    var geometry: Conv2dGeometry { conv.geometry }
    var algorithm: MaskedConv2dAlgorithm { maskedPlans.algorithm }

    /// Grows whenever a parameter changes.
    var version: Int { plans.version }

    /// A copy with another activation that shares plans and packed weights.
    private init(_ other: FusedMaskedConv2d, _ activation: Activation) {
        (conv, norm) = (other.conv, other.norm)
        (maskedPlans, plans) = (other.maskedPlans, other.plans)
        self.activation = activation
    }

    /// This kernel, ending in `activation` instead of its own.
    func ending(in activation: Activation) -> FusedMaskedConv2d {
        activation == self.activation ? self : FusedMaskedConv2d(self, activation)
    }

    /// The plan for computing the active outputs of `mask` from an input of shape
    /// `[batch, height, width, channels]`, a dense map unless `input` says otherwise. `rewritesAll`
    /// says whether the result is a new map, whose inactive pixels are written too.
    ///
    /// - Throws: ``ProteanError`` when shapes do not fit.
    public func plan(
        for inputShape: [Int], from input: MaskedInput = .map, mask: MaskPlan,
        rewritesAll: Bool = true
    ) throws(ProteanError) -> MaskedConv2dPlan {
        if let way = try maskedPlans.fixedWay(input, mask, layer: conv.place) {
            return MaskedConv2dPlan(way: way, estimatedCycles: [:])
        }
        let call = try maskedPlans.prepared(for: inputShape, layer: conv.place)
        let estimates = try call.estimates(mask, clears: rewritesAll, layer: conv.place)
        return MaskedConv2dPlan(
            way: maskedPlans.choice(estimates, input, inPlace: !rewritesAll),
            estimatedCycles: estimates.byWay)
    }

    /// `[batch, height, width, channels]` of the dense result for a map of shape `input`.
    func outputShape(for input: [Int]) throws(ProteanError) -> [Int] {
        try maskedPlans.prepared(for: input, layer: conv.place).output
    }

    /// Cycles that the active outputs of `mask` are estimated to take, from a map of shape `input`
    /// by the fastest algorithm, or from rows.
    func estimatedCycles(
        for input: [Int], mask: MaskPlan, fromRows: Bool = false
    ) throws(ProteanError) -> Double {
        guard mask.count > 0 else { return 0 }
        let call = try maskedPlans.prepared(for: input, layer: conv.place)
        let estimates = try call.estimates(mask, clears: false, layer: conv.place)
        return estimates[fromRows ? estimates.fastestOfRows : estimates.fastest]
    }

    /// A dense map: activation(norm(conv(x)) + residual) where `mask` is active, `inactive` elsewhere.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func callAsFunction(
        _ x: Tensor, from input: MaskedInput = .map, mask: MaskPlan,
        inactive: InactiveOutputs = .zeros, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let layer = conv.place
        let (call, way) = try maskedPlans.prepare(x, input, mask, layer: layer)
        guard way == .dense else {
            return try run(x, mask, call, way, layer) { (weights) throws(ProteanError) in
                try Operations.maskedConv2d(
                    x, from: input, weights, outputs: mask, inactive: inactive,
                    epilogue: epilogue(residual), prepared: call, layer: layer)
            }
        }
        return try runDense(x, mask, residual) { (y: consuming Tensor) throws(ProteanError) in
            try Operations.replacingInactive(y, of: mask, by: inactive, layer: layer)
        }
    }

    /// A dense map that holds activation(norm(conv(x))) where `mask` is active, anything elsewhere;
    /// and the cost. With `rest`, the first channels of the input's inactive pixels are read from
    /// `rest`, which only Winograd's algorithm on tiles can do.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    func active(
        _ x: Tensor, from input: MaskedInput = .map, rest: Tensor? = nil, mask: MaskPlan
    ) throws(ProteanError) -> (map: Tensor, cost: Cost) {
        let layer = conv.place
        var (call, way) = try maskedPlans.prepare(x, input, mask, inPlace: true, layer: layer)
        if rest != nil { way = try call.estimates(mask, clears: false, layer: layer).tiles }
        let map =
            way == .dense
            ? try dense(x)
            : try run(x, mask, call, way, layer) { (weights) throws(ProteanError) in
                try Operations.maskedConv2d(
                    x, from: input, rest: rest, weights, outputs: mask, inactive: nil,
                    epilogue: epilogue(nil), prepared: call, layer: layer)
            }
        return (map, cost(x, mask, way))
    }

    /// Whether Winograd's algorithm applies to maps of shape `shape` under the current settings.
    func hasTiles(for shape: [Int], mask: MaskPlan) throws(ProteanError) -> Bool {
        let call = try maskedPlans.prepared(for: shape, layer: conv.place)
        let estimates = try call.estimates(mask, clears: false, layer: conv.place)
        return estimates[estimates.tiles] < .infinity
    }

    /// The pixels that ``active(_:mask:)`` computes on a map of shape `shape`: whole tiles, all pixels, or
    /// the mask's.
    func computed(
        for shape: [Int], mask: MaskPlan
    ) throws(ProteanError) -> MaskPlan {
        switch try plan(for: shape, mask: mask, rewritesAll: false).way {
        case .pixels: mask
        case .tiles4x4: try mask.cells(of: 4)
        case .tiles6x6: try mask.cells(of: 6)
        case .dense: try mask.union(mask.inverted())
        }
    }

    /// activation(norm(conv(x)) + residual) at all pixels, as ``FusedConv2d`` computes it.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    func dense(_ x: Tensor, residual: Tensor? = nil) throws(ProteanError) -> Tensor {
        try conv.run(x, plans: plans, epilogue: epilogue(residual))
    }

    /// Compact rows `[active pixels, channels]` in the mask's order.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func rows(
        _ x: Tensor, from input: MaskedInput = .map, mask: MaskPlan, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let layer = conv.place
        var (call, way) = try maskedPlans.prepare(x, input, mask, layer: layer)
        // The dense algorithm cannot add a residual to rows.
        if way == .dense && residual != nil { way = .pixels }
        guard way == .dense else {
            return try run(x, mask, call, way, layer) { (weights) throws(ProteanError) in
                try Operations.maskedConv2dRows(
                    x, from: input, weights, outputs: mask, epilogue: epilogue(residual),
                    prepared: call, layer: layer)
            }
        }
        return try runDense(x, mask, nil) { (y: consuming Tensor) throws(ProteanError) in
            try Operations.gather(y, at: mask)
        }
    }

    func epilogue(_ residual: Tensor?) -> Conv2dEpilogue {
        Conv2dEpilogue(activation: activation, residual: residual)
    }

    private func run(
        _ x: Tensor, _ mask: MaskPlan, _ call: PreparedMaskedConv2d, _ way: MaskedConv2dPlan.Way,
        _ layer: String, _ body: (PackedConv2d) throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> Tensor {
        try traced(
            "MaskedConv2d", path: conv.label, input: x, mask: mask,
            cost: { _ in cost(x, mask, way) }
        ) { () throws(ProteanError) in
            try body(maskedPlans.packed(for: call, way: way, layer: layer))
        }
    }

    /// Computes all outputs densely; `finish` takes the active ones.
    func runDense(
        _ x: Tensor, _ mask: MaskPlan, _ residual: Tensor?,
        _ finish: (consuming Tensor) throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> Tensor {
        try traced(
            "MaskedConv2d", path: conv.label, input: x, mask: mask,
            cost: { _ in cost(x, mask, .dense) }
        ) { () throws(ProteanError) in
            try finish(
                Operations.conv2d(x, plans, epilogue: epilogue(residual), layer: conv.place))
        }
    }

    /// The theoretical cost is that of all outputs; executed are the active ones, those of active 4
    /// × 4 cells, or all.
    func cost(_ x: Tensor, _ mask: MaskPlan, _ way: MaskedConv2dPlan.Way) -> Cost {
        let perPixel = geometry.outputChannels * geometry.fanIn
        let parameters = conv.weight.count + (conv.bias?.count ?? 0)
        let executed =
            switch way {
            case .pixels: mask.count
            case .tiles4x4, .tiles6x6: min(mask.pixelCount, 16 * mask.statistics.cells4)
            case .dense: mask.pixelCount
            }
        let outputs = mask.count * geometry.outputChannels
        return Cost(
            multiplyAdds: mask.pixelCount * perPixel, executedMultiplyAdds: executed * perPixel,
            parameters: parameters,
            bytes: (x.count + outputs + parameters) * MemoryLayout<Float>.stride
        ).folding(norm)
    }
}
