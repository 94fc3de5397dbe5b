import Protean

/// Dynamic convolution: attention over `experts` kernels, mixing and convolution.
enum DynamicConv2dBenchmark: BenchmarkKernel {
    static let name = "dynamic_conv2d"
    static let requiredKeys = ConvolutionCase.requiredKeys.union([.experts])
    static let optionalKeys = ConvolutionCase.optionalKeys.union([.algorithm])

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark)
        let experts = try benchmark.integer(.experts)
        let algorithm = try benchmark.convolutionAlgorithm()
        return try benchmark.layer(on: shape.inputShape) { () throws(ProteanError) in
            try DynamicConv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                kernelSize: shape.kernelSize, stride: shape.stride, padding: shape.padding,
                dilation: shape.dilation, groups: shape.groups, experts: experts,
                algorithm: algorithm, seed: benchmark.seed)
        }
    }
}

/// Omni-dimensional dynamic convolution: four attentions, mixing and convolution with square kernels.
enum ODConv2dBenchmark: BenchmarkKernel {
    static let name = "odconv2d"
    static let requiredKeys = ConvolutionCase.requiredKeys.union([.experts])
    static let optionalKeys = ConvolutionCase.optionalKeys.subtracting([.rh, .rw])
        .union([.algorithm])

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark)
        let experts = try benchmark.integer(.experts)
        let algorithm = try benchmark.convolutionAlgorithm()
        return try benchmark.layer(on: shape.inputShape) { () throws(ProteanError) in
            try ODConv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                kernelSize: shape.kernelSize.height, stride: shape.stride, padding: shape.padding,
                dilation: shape.dilation, groups: shape.groups, experts: experts,
                algorithm: algorithm, seed: benchmark.seed)
        }
    }
}
