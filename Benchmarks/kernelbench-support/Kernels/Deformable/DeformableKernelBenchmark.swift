import Protean

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
