import CProteanKernels

/// A convolution on inputs of one shape, ready to run: nothing in it depends on the input's values,
/// and only sizes on the batch.
final class PreparedConv2d: Sendable {
    let packed: PackedConv2d
    let shape: ptn_conv2d_shape
    let runtime: ptn_runtime
    /// `[batch, height, width, channels]`.
    let output: [Int]
    /// Floats of one sample's weights, if they are mixed for each sample.
    let mixtureFloats: Int
    /// Whether tiles that Winograd's forms would compute too inexactly are computed directly.
    let isGuarded: Bool

    /// `algorithm` is the plan's; `packed` is for another one only where experts are mixed.
    init(
        packed: PackedConv2d, algorithm: Conv2dPlan.Algorithm, shape: ptn_conv2d_shape,
        plan: ptn_conv2d_plan, settings: Runtime.Resolved
    ) {
        var shape = shape
        shape.choice = algorithm.choice
        isGuarded = settings.exactness == .guarded && algorithm.isWinograd
        mixtureFloats = Int(plan.packed_floats)
        self.packed = packed
        self.shape = shape
        runtime = settings.kernelValue
        output = [Int(shape.n), Int(plan.out_h), Int(plan.out_w), Int(shape.k)]
    }

    /// The same call for another number of samples, on which neither the algorithm nor the packed
    /// weights depend.
    private init(_ call: PreparedConv2d, batch: Int) {
        var shape = call.shape
        shape.n = batch
        packed = call.packed
        self.shape = shape
        runtime = call.runtime
        output = [batch] + call.output.dropFirst()
        mixtureFloats = call.mixtureFloats
        isGuarded = call.isGuarded
    }

    /// This call for `count` samples.
    func batch(_ count: Int) -> PreparedConv2d {
        Int(shape.n) == count ? self : PreparedConv2d(self, batch: count)
    }

    /// Scratch memory of the call, for errors.
    var scratchBytes: Int {
        var runtime = runtime, shape = shape, plan = ptn_conv2d_plan()
        let status = ptn_conv2d_plan_for(&runtime, &shape, &plan)
        return status == PTN_OK ? Int(plan.scratch_bytes) : 0
    }

    /// Weights that are packed already, on inputs of shape `input`.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit, or when the weights are packed for
    ///   another instruction set than the current one.
    convenience init(
        _ packed: PackedConv2d, input: [Int], layer: String
    ) throws(ProteanError) {
        let settings = try Runtime.resolved()
        guard packed.isa == settings.isa else {
            throw .invalidOption(
                layer: layer, option: "packed", expected: "weights packed for \(settings.isa)",
                found: "for \(packed.isa)")
        }
        var shape = try packed.geometry.kernelShape(
            for: input, exactness: settings.exactness, layer: layer)
        shape.choice = packed.algorithm.choice
        let plan = try packed.geometry.kernelPlan(
            shape, runtime: settings.kernelValue, layer: layer)
        let algorithm = Conv2dPlan.Algorithm(plan.algorithm)
        guard algorithm == packed.algorithm else {
            throw .invalidOption(
                layer: layer, option: "packed",
                expected: "weights packed for \(algorithm.rawValue)",
                found: "for \(packed.algorithm.rawValue)")
        }
        self.init(
            packed: packed, algorithm: algorithm, shape: shape, plan: plan, settings: settings)
    }
}
