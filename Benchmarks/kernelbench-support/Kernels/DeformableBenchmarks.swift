import Protean

/// The core of DCNv3 and DCNv4 (Wang et al., arXiv 2211.05778; Xiong et al., 2401.06197): every
/// group of channels sums samples of its own. Displacements are given, normally distributed with a
/// standard deviation of `sigma` pixels (1). Operations are the samples' multiply-adds; what their
/// positions cost counts as time, not as work.
enum DeformAggregateBenchmark: BenchmarkKernel {
    static let name = "deform_aggregate"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .r, .groups]
    static let optionalKeys: Set<CaseKey> = [.n, .stride, .pad, .dilation, .sigma, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let input = try benchmark.inputShape(), groups = try benchmark.integer(.groups)
        let window = try benchmark.windows().height
        let size = try benchmark.outputSize(benchmark.windows())
        guard input[3] % groups == 0 else {
            throw benchmark.error(
                .c, expected: "a multiple of groups=\(groups)", found: "\(input[3])")
        }
        let points = SampledPoints(
            map: [input[0], size.0, size.1], groups: groups, points: window.kernel * window.kernel)
        let sampled = points.samples(of: input[3])
        let outputs = Size.elements(points.map + [input[3]])
        return PreparedCase(
            flops: 8 * sampled,
            bytes: Size.bytes(Size.elements(input), outputs, 3 * points.positions),
            loaded: Sampled.bytes(sampled)
        ) {
            let aggregation = try DeformableAggregation(
                groups: groups, kernelSize: Size2d(window.kernel), stride: Size2d(window.stride),
                padding: Size2d(window.padding), dilation: Size2d(window.dilation))
            let x = try benchmark.values(input)
            let offset = try points.offset(benchmark), mask = try points.mask(benchmark)
            return {
                try Operations.deformAggregate(x, offset: offset, mask: mask, aggregation).sample()
            }
        }
    }
}

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

/// Adaptively connected convolution; `algorithm` is `dataset` (the default), with connections that
/// belong to places of the map, or `pixel`, with connections computed from the input.
enum AdaptivelyConnectedConv2dBenchmark: BenchmarkKernel {
    static let name = "adaptively_connected_conv2d"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .k]
    static let optionalKeys: Set<CaseKey> = [.n, .stride, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let input = try benchmark.inputShape(), outputs = try benchmark.integer(.k)
        let stride = try benchmark.integer(.stride, default: 1)
        let pixel = try benchmark.word(.algorithm, of: ["dataset", "pixel"]) == "pixel"
        let map = Size2d(
            height: (input[1] - 1) / stride + 1, width: (input[2] - 1) / stride + 1)
        return try benchmark.layer(on: input) { () throws(ProteanError) in
            try AdaptivelyConnectedConv2d(
                inputChannels: input[3], outputChannels: outputs,
                form: pixel ? .pixelAware : .datasetAware(map: map), stride: stride,
                seed: benchmark.seed)
        }
    }
}

/// Depthwise convolution whose kernels are sampled per pixel from a `scope` (4) × `scope` one (Gao
/// et al., arXiv 1910.02940), `groups` (1) of displacements; with the layer's own convolution that
/// computes them.
enum DeformableKernelBenchmark: BenchmarkKernel {
    static let name = "deformable_kernel"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .r]
    static let optionalKeys: Set<CaseKey> = [.n, .stride, .pad, .dilation, .scope, .groups, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let groups = try benchmark.integer(.groups, default: 1)
        return try benchmark.depthwise { (channels, scope, window) throws(ProteanError) in
            try DeformableKernelConv2d(
                channels: channels, scope: scope, kernelSize: window.kernel,
                stride: window.stride, padding: window.padding, dilation: window.dilation,
                rotationGroups: groups, seed: benchmark.seed)
        }
    }
}

/// The same with displaced inputs too: depthwise, one kernel for all pixels.
enum DisplacedDeformableKernelBenchmark: BenchmarkKernel {
    static let name = "displaced_deformable_kernel"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .r]
    static let optionalKeys: Set<CaseKey> = [.n, .stride, .pad, .dilation, .scope, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        return try benchmark.depthwise { (channels, scope, window) throws(ProteanError) in
            try DisplacedDeformableKernelConv2d(
                channels: channels, scope: scope, kernelSize: window.kernel,
                stride: window.stride, padding: window.padding, dilation: window.dilation,
                seed: benchmark.seed)
        }
    }
}

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
