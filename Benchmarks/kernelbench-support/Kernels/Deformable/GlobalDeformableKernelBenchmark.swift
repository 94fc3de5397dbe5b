import Protean

/// A convolution whose kernels are sampled from a `scope` (2) × `scope` one, one set per sample.
enum GlobalDeformableKernelBenchmark: BenchmarkKernel {
    static let name = "global_deformable_kernel"
    static let requiredKeys = ConvolutionCase.requiredKeys
    static let optionalKeys: Set<CaseKey> = [
        .n, .stride, .pad, .dilation, .scope, .groups, .seed,
    ]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark), window = shape.windows.height
        let scope = Size2d(try benchmark.integer(.scope, default: 2))
        return try benchmark.layer(on: shape.inputShape) { () throws(ProteanError) in
            try GlobalDeformableKernelConv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                scope: scope, kernelSize: window.kernel, stride: window.stride,
                padding: window.padding, dilation: window.dilation, groups: shape.groups,
                seed: benchmark.seed)
        }
    }
}
