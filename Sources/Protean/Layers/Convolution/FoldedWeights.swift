import CProteanKernels

/// The weights of one convolution together with the batch norm that follows it, packed on first use
/// and kept until a parameter changes; and how inputs of the shapes seen last are run.
///
/// norm(conv(x)) = conv(x) with weights · scale and bias · scale + shift, so that the norm costs
/// nothing at run time.
final class FoldedWeights: Sendable {
    let geometry: Conv2dGeometry
    private let weight: Parameter
    private let bias: Parameter?
    private let norm: BatchNorm2d?
    private let experts: Int?

    private struct CallKey: Equatable, Sendable {
        var input: [Int]
        var settings: Runtime.Resolved
        var version: Version
    }
    private struct PackingKey: Equatable, Sendable {
        var isa: KernelISA
        var algorithm: Conv2dPlan.Algorithm
        var version: Version
    }
    /// What all parameters counted: any change makes it another one.
    struct Version: Equatable, Sendable {
        var weight, bias, norm: Int

        var sum: Int { weight &+ bias &+ norm }
    }

    // Some entries, for inputs that switch between shapes, instruction sets or algorithms.
    private let calls = Derived<CallKey, Conv2dCall>(capacity: 4)
    private let packings = Derived<PackingKey, PackedConv2d>(capacity: 4)

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

    var version: Version {
        Version(
            weight: weight.version, bias: bias?.version ?? -1, norm: norm?.version ?? -1)
    }

    /// All that a call on an input of shape `input` needs, with the settings in force.
    func call(
        for input: [Int], settings: Runtime.Resolved, layer: String
    ) throws(ProteanError) -> Conv2dCall {
        let key = CallKey(input: input, settings: settings, version: version)
        return try calls.value(for: key) { () throws(ProteanError) in
            var shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            let runtime = settings.kernelValue
            let plan = try geometry.kernelPlan(shape, runtime: runtime, layer: layer)
            let algorithm = Conv2dPlan.Algorithm(plan.algorithm)
            shape.choice = algorithm.choice
            return Conv2dCall(
                packed: try packed(key, algorithm, layer: layer), shape: shape, plan: plan,
                runtime: runtime)
        }
    }

    private func packed(
        _ key: CallKey, _ algorithm: Conv2dPlan.Algorithm, layer: String
    ) throws(ProteanError) -> PackedConv2d {
        let isa = key.settings.isa
        let packing = PackingKey(isa: isa, algorithm: algorithm, version: key.version)
        return try packings.value(for: packing) { () throws(ProteanError) in
            let affine = try norm?.scaleAndShift()
            return try PackedConv2d(
                weights: weight.value, bias: bias?.value, scale: affine?.scale,
                shift: affine?.shift, experts: experts, geometry: geometry, algorithm: algorithm,
                isa: isa, layer: layer)
        }
    }
}

/// A convolution on inputs of one shape, ready to run: nothing in it depends on the values of the
/// input, so it is made once per shape.
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
