import Protean

/// Convolution at the active pixels of a mask, written in place; the mask's plan is built in every
/// call, each time from a different mask. `algorithm` as for ``MaskedConv2dAlgorithm``; with
/// `dense` the whole map is computed and other pixels are zeroed.
enum MaskedConv2dBenchmark: BenchmarkKernel {
    static let name = "masked_conv2d"
    static let requiredKeys = ConvolutionCase.requiredKeys.union([.density])
    static let optionalKeys = ConvolutionCase.optionalKeys.union([.pattern, .algorithm])

    /// Masks that are used in turn, so that the branch predictor cannot learn them.
    private static let masks: UInt64 = 8

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try ConvolutionCase(benchmark)
        let names = MaskedConv2dAlgorithm.allCases.map(\.rawValue)
        let algorithm =
            try benchmark.word(.algorithm, of: names)
            .flatMap(MaskedConv2dAlgorithm.init(rawValue:)) ?? .automatic
        let density = try DensityMasks(
            benchmark, batch: shape.batch, height: shape.output.height, width: shape.output.width,
            count: masks)
        let masks = density.bytes, share = density.density
        let bytes = Size.bytes(shape.inputs * share, shape.weights, shape.outputs * share)
        return PreparedCase(flops: shape.flops, bytes: bytes, executedShare: share) {
            let layer = try MaskedConv2d(
                inputChannels: shape.channels.input, outputChannels: shape.channels.output,
                kernelSize: shape.kernelSize, stride: shape.stride, padding: shape.padding,
                dilation: shape.dilation, groups: shape.groups, algorithm: algorithm)
            let x = try benchmark.values(shape.inputShape)
            let size = Size2d(height: shape.output.height, width: shape.output.width)
            var y = try Tensor(
                zeros: [shape.batch, size.height, size.width, shape.channels.output])
            if algorithm == .dense {
                return {
                    let mask = try MaskPlan(bytes: masks[0], batch: shape.batch, size: size)
                    return try layer(x, mask: mask).sample()
                }
            }
            // Writes every pixel that is active in one of them before the first timed call.
            for mask in masks {
                let mask = try MaskPlan(bytes: mask, batch: shape.batch, size: size)
                try layer.update(&y, with: x, mask: mask)
            }
            var turn = 0
            return {
                turn = (turn + 1) % masks.count
                let mask = try MaskPlan(bytes: masks[turn], batch: shape.batch, size: size)
                try layer.update(&y, with: x, mask: mask)
                return try y.sample()
            }
        }
    }
}
