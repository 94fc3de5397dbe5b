import CProteanKernels

/// A convolution on inputs of one shape, ready to run: nothing in it depends on the input's values.
final class PreparedConv2d: Sendable {
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
