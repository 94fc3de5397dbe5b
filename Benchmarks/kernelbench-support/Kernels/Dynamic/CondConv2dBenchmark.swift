import Protean

/// Conditionally parameterised convolution (Yang et al., arXiv 1904.04971): each sample's kernel is
/// mixed from `experts` kernels, then applied. Routing weights are given; mixing is included in the
/// operations.
enum CondConv2dBenchmark: BenchmarkKernel {
    static let name = "condconv2d"
    static let requiredKeys = ConvolutionCase.requiredKeys.union([.experts])
    static let optionalKeys = ConvolutionCase.optionalKeys.union([.activation, .algorithm])

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark)
        let experts = try benchmark.integer(.experts)
        let epilogue = Conv2dEpilogue(activation: try benchmark.activationValue())
        let algorithm = try benchmark.convolutionAlgorithm()
        let mixing = 2 * shape.weights * Size.product(shape.batch, experts)
        let bytes = Size.bytes(shape.inputs, shape.weights * Double(experts), shape.outputs)
        func layer() throws -> CondConv2d {
            try CondConv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                kernelSize: shape.kernelSize, stride: shape.stride, padding: shape.padding,
                dilation: shape.dilation, groups: shape.groups, experts: experts,
                algorithm: algorithm)
        }
        return PreparedCase(
            flops: shape.flops + mixing, bytes: bytes,
            explain: { Explanation(try layer().plan(for: shape.inputShape)) }
        ) {
            let layer = try layer()
            let x = try benchmark.values(shape.inputShape)
            let routing = try benchmark.values([shape.batch, experts], stream: 1)
            return { try layer(x, routing: routing, epilogue: epilogue).sample() }
        }
    }
}
