import Protean

/// Depthwise convolution at displaced input positions, with one sampled kernel for all pixels.
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
