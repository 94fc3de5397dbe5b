import Protean

/// Deformable convolution (Dai et al., arXiv 1703.06211; Zhu et al., 1811.11168) with a bias and
/// given displacements: normally distributed with a standard deviation of `sigma` pixels (1),
/// `offset_groups` (1) of them, modulated unless `mask=0`. Sampling is included in the operations.
enum DeformConv2dBenchmark: BenchmarkKernel {
    static let name = "deform_conv2d"
    static let requiredKeys = ConvolutionCase.requiredKeys
    static let optionalKeys = ConvolutionCase.optionalKeys.union([
        .offsetGroups, .sigma, .mask, .activation,
    ])

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark)
        let groups = try benchmark.integer(.offsetGroups, default: 1)
        guard shape.channels.input % groups == 0 else {
            throw benchmark.error(
                .c, expected: "a multiple of offset_groups=\(groups)",
                found: "\(shape.channels.input)")
        }
        let modulated = try benchmark.integer(.mask, default: 1) == 1
        let epilogue = Conv2dEpilogue(activation: try benchmark.activationValue())
        let points = SampledPoints(
            map: [shape.batch, shape.output.height, shape.output.width], groups: groups,
            points: shape.windows.height.kernel * shape.windows.width.kernel)
        let sampled = points.samples(of: shape.channels.input)
        let bytes = Size.bytes(
            shape.inputs, shape.weights, shape.outputs, points.positions * (modulated ? 3 : 2))
        return PreparedCase(
            flops: shape.flops + 8 * sampled, bytes: bytes, loaded: Sampled.bytes(sampled)
        ) {
            let layer = try DeformableConv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                kernelSize: shape.kernelSize, stride: shape.stride, padding: shape.padding,
                dilation: shape.dilation, groups: shape.groups)
            let x = try benchmark.values(shape.inputShape)
            let offset = try points.offset(benchmark)
            let mask = modulated ? try points.mask(benchmark) : nil
            return { try layer(x, offset: offset, mask: mask, epilogue: epilogue).sample() }
        }
    }
}
