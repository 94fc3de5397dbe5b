import CProteanKernels

extension Operations {
    /// Depthwise convolution whose kernel is sampled anew for every output; see
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
}
