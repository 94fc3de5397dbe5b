import Protean

/// Active convolution (Jeon and Kim, arXiv 1703.09076): positions of `offset_groups` (1) groups of
/// outputs, the same for all pixels.
enum ActiveConv2dBenchmark: BenchmarkKernel {
    static let name = "active_conv2d"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .k, .r]
    static let optionalKeys: Set<CaseKey> = [.n, .stride, .pad, .offsetGroups, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark)
        let groups = try benchmark.integer(.offsetGroups, default: 1)
        let window = shape.windows.height, taps = window.kernel * window.kernel
        let sampled = Size.product(
            shape.batch, shape.output.height, shape.output.width, taps * groups)
        return try benchmark.layer(
            on: shape.inputShape, samples: sampled * Double(shape.channels.input)
        ) { () throws(ProteanError) in
            try ActiveConv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                kernelSize: window.kernel, stride: window.stride, padding: window.padding,
                positionGroups: groups, seed: benchmark.seed)
        }
    }
}
