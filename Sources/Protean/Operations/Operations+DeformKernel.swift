import CProteanKernels

extension Operations {
    /// Depthwise convolution whose kernel is sampled for every output separately; see
    /// ``DeformableKernelConv2d``. `scope` is `[height, width, groups, channels / groups]`, the
    /// channels of a group of rotations together.
    static func deformKernel(
        _ x: Tensor, rotation: Tensor, scope: Tensor, kernelSize: Int, stride: Int, padding: Int,
        dilation: Int, clip: Bool, output: [Int], layer: String
    ) throws(ProteanError) -> Tensor {
        var shape = ptn_deform_kernel_shape()
        (shape.n, shape.h, shape.w, shape.c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        (shape.k, shape.stride, shape.pad, shape.dilation) = (kernelSize, stride, padding, dilation)
        (shape.scope_h, shape.scope_w, shape.groups) = (
            scope.shape[0], scope.shape[1], scope.shape[2]
        )
        shape.clip = clip
        return try filling(output, for: layer, from: [x, rotation, scope]) { runtime, inputs, y in
            ptn_deform_kernel(runtime, &shape, inputs[0], inputs[1], inputs[2], y)
        }
    }

    /// The kernels that displacements sample from scopes; see ``GlobalDeformableKernelConv2d``.
    ///
    /// - Parameters:
    ///   - scope: `[height, width, filters]`.
    ///   - displacement: `[batch, kernelSize² · 2]`, (y, x) per tap.
    ///   - clip: clamps positions to the scope: both coordinates to 0 … height − 1.
    /// - Returns: `[batch, kernelSize², filters]`.
    static func scopeKernels(
        _ scope: Tensor, displacement: Tensor, kernelSize: Int, clip: Bool, layer: String
    ) throws(ProteanError) -> Tensor {
        let taps = kernelSize * kernelSize
        guard displacement.rank == 2, displacement.shape[1] == 2 * taps else {
            throw .shapeMismatch(
                layer: layer, tensor: "displacement", expected: "[batch, \(2 * taps)]",
                found: displacement.shape)
        }
        var shape = ptn_scope_kernels_shape()
        (shape.n, shape.k) = (displacement.shape[0], kernelSize)
        (shape.scope_h, shape.scope_w, shape.filters) = (
            scope.shape[0], scope.shape[1], scope.shape[2]
        )
        shape.clip = clip
        let output = [displacement.shape[0], taps, scope.shape[2]]
        return try filling(output, for: layer, from: [displacement, scope]) { runtime, inputs, y in
            ptn_scope_kernels(runtime, &shape, inputs[0], inputs[1], y)
        }
    }
}
