import Protean

/// The shape of a convolution case, shared by the kernels that convolve.
struct ConvolutionCase {
    let batch: Int
    let input: (height: Int, width: Int)
    let output: (height: Int, width: Int)
    let channels: (input: Int, output: Int)
    let windows: (height: Window, width: Window)
    let groups: Int

    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .k, .r]
    static let optionalKeys: Set<CaseKey> = [
        .n, .rh, .rw, .stride, .pad, .dilation, .groups, .seed,
    ]

    /// Reads a case; throws for groups that do not divide the channels and for windows that do not
    /// fit.
    init(_ benchmark: BenchmarkCase) throws(CaseError) {
        batch = try benchmark.batch()
        input = (try benchmark.integer(.h), try benchmark.integer(.w))
        channels = (try benchmark.integer(.c), try benchmark.integer(.k))
        windows = try benchmark.windows()
        output = try benchmark.outputSize(windows)
        groups = try benchmark.integer(.groups, default: 1)
        for (key, count) in [(CaseKey.c, channels.input), (.k, channels.output)] {
            guard count % groups == 0 else {
                throw benchmark.error(
                    key, expected: "a multiple of groups=\(groups)", found: "\(count)")
            }
        }
    }

    var kernelSize: Size2d {
        Size2d(height: windows.height.kernel, width: windows.width.kernel)
    }
    var stride: Size2d { Size2d(height: windows.height.stride, width: windows.width.stride) }
    var dilation: Size2d { Size2d(height: windows.height.dilation, width: windows.width.dilation) }
    var padding: Padding2d {
        .symmetric(height: windows.height.padding, width: windows.width.padding)
    }

    var inputShape: [Int] { [batch, input.height, input.width, channels.input] }

    var inputs: Double { Size.elements(inputShape) }
    var outputs: Double { Size.product(batch, output.height, output.width, channels.output) }
    /// Number of weights of one kernel.
    var weights: Double {
        Size.product(
            channels.output, channels.input / groups, windows.height.kernel, windows.width.kernel)
    }
    /// Operations of the direct method.
    var flops: Double {
        2 * outputs
            * Size.product(channels.input / groups, windows.height.kernel, windows.width.kernel)
    }
}

extension BenchmarkCase {
    /// The algorithms that a convolution may use; by default all.
    func convolutionAlgorithm() throws(CaseError) -> Conv2dAlgorithm {
        try word(.algorithm, of: Conv2dAlgorithm.allCases.map(\.rawValue))
            .flatMap(Conv2dAlgorithm.init(rawValue:)) ?? .automatic
    }
}
