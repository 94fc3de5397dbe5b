import Protean

/// Convolution with a bias; depthwise when `groups` equals the channels. `activation` is fused.
enum Conv2dBenchmark: BenchmarkKernel {
    static let name = "conv2d"
    static let requiredKeys = ConvolutionCase.requiredKeys
    static let optionalKeys = ConvolutionCase.optionalKeys.union([.activation, .algorithm])

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark)
        let epilogue = Conv2dEpilogue(activation: try benchmark.activationValue())
        let algorithm = try benchmark.convolutionAlgorithm()
        let bytes = Size.bytes(shape.inputs, shape.weights, shape.outputs)
        func layer() throws -> Conv2d {
            try Conv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                kernelSize: shape.kernelSize, stride: shape.stride, padding: shape.padding,
                dilation: shape.dilation, groups: shape.groups,
                algorithm: algorithm)
        }
        return PreparedCase(
            flops: shape.flops, bytes: bytes,
            explain: { Explanation(try layer().plan(for: shape.inputShape)) }
        ) {
            let layer = try layer()
            let x = try benchmark.values(shape.inputShape)
            return { try layer(x, epilogue: epilogue).sample() }
        }
    }
}
