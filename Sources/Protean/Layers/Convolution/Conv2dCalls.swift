import CProteanKernels

/// How one convolution is run on the input shapes seen last: plans and packed weights are looked up
/// together, by one comparison.
final class Conv2dCalls: Sendable {
    private let parameters: Conv2dParameters
    private let cache = Conv2dCallCache<Conv2dCall>()

    init(_ parameters: Conv2dParameters) { self.parameters = parameters }

    /// As for ``Conv2dParameters``.
    convenience init(
        weight: Parameter, bias: Parameter?, norm: BatchNorm2d? = nil, experts: Int? = nil,
        geometry: Conv2dGeometry
    ) {
        self.init(
            Conv2dParameters(
                weight: weight, bias: bias, norm: norm, experts: experts, geometry: geometry))
    }

    var geometry: Conv2dGeometry { parameters.geometry }
    var norm: BatchNorm2d? { parameters.norm }

    /// Grows whenever a parameter changes.
    var version: Int { parameters.version }

    /// All that a call on an input of shape `input` needs under these settings.
    func call(
        for input: [Int], settings: Runtime.Resolved, layer: String
    ) throws(ProteanError) -> Conv2dCall {
        try cache.call(for: input, settings: settings, version: version) {
            () throws(ProteanError) in
            var shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            let runtime = settings.kernelValue
            let plan = try geometry.kernelPlan(shape, runtime: runtime, layer: layer)
            let algorithm = Conv2dPlan.Algorithm(plan.algorithm)
            shape.choice = algorithm.choice
            let packed = try parameters.packed(algorithm, isa: settings.isa, layer: layer)
            return Conv2dCall(
                packed: packed, shape: shape, plan: plan, runtime: runtime,
                isGuarded: settings.exactness == .guarded && algorithm.isWinograd)
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
    /// Whether tiles that Winograd's forms would compute too inexactly are left out.
    let isGuarded: Bool

    init(
        packed: PackedConv2d, shape: ptn_conv2d_shape, plan: ptn_conv2d_plan,
        runtime: ptn_runtime, isGuarded: Bool
    ) {
        self.isGuarded = isGuarded
        self.packed = packed
        self.shape = shape
        self.runtime = runtime
        output = [Int(shape.n), Int(plan.out_h), Int(plan.out_w), Int(shape.k)]
        scratchBytes = Int(plan.scratch_bytes)
    }
}
