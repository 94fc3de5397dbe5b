import CProteanKernels

/// How one convolution, with the batch norm folded into it, is run on the input shapes seen last:
/// plans and packed weights are looked up together, by one comparison.
final class Conv2dCalls: Sendable {
    let geometry: Conv2dGeometry
    private let weight: Parameter
    private let bias: Parameter?
    private let norm: BatchNorm2d?
    private let experts: Int?

    private struct Key: Equatable, Sendable {
        var input: [Int]
        var settings: Runtime.Resolved
        var version: Int
    }
    // Some entries, for inputs that switch between shapes.
    private let cache = Derived<Key, Conv2dCall>(capacity: 4)
    private let folded = FoldedWeights()

    /// `experts` sets of weights and biases lie one after the other in `weight` and `bias`.
    init(
        weight: Parameter, bias: Parameter?, norm: BatchNorm2d? = nil, experts: Int? = nil,
        geometry: Conv2dGeometry
    ) {
        self.weight = weight
        self.bias = bias
        self.norm = norm
        self.experts = experts
        self.geometry = geometry
    }

    /// Grows whenever a parameter changes. Each only grows, so none can change without the sum.
    var version: Int { weight.version + (bias?.version ?? 0) + (norm?.version ?? 0) }

    /// All that a call on an input of shape `input` needs under these settings.
    func call(
        for input: [Int], settings: Runtime.Resolved, layer: String
    ) throws(ProteanError) -> Conv2dCall {
        let key = Key(input: input, settings: settings, version: version)
        return try cache.value(for: key) { () throws(ProteanError) in
            var shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            let runtime = settings.kernelValue
            let plan = try geometry.kernelPlan(shape, runtime: runtime, layer: layer)
            let algorithm = Conv2dPlan.Algorithm(plan.algorithm)
            shape.choice = algorithm.choice
            let packed = try folded.packed(
                weight: weight, bias: bias, norm: norm, experts: experts, geometry: geometry,
                algorithm: algorithm, isa: settings.isa, layer: layer)
            return Conv2dCall(packed: packed, shape: shape, plan: plan, runtime: runtime)
        }
    }
}

/// A convolution on inputs of one shape, ready to run: nothing in it depends on the input's values.
final class Conv2dCall: Sendable {
    let packed: PackedConv2d
    let shape: ptn_conv2d_shape
    let runtime: ptn_runtime
    /// `[batch, height, width, channels]`.
    let output: [Int]
    let scratchBytes: Int

    init(
        packed: PackedConv2d, shape: ptn_conv2d_shape, plan: ptn_conv2d_plan, runtime: ptn_runtime
    ) {
        self.packed = packed
        self.shape = shape
        self.runtime = runtime
        output = [Int(shape.n), Int(plan.out_h), Int(plan.out_w), Int(shape.k)]
        scratchBytes = Int(plan.scratch_bytes)
    }
}
