import Protean

/// Channels to positions: `[n, h, w, c · up²]` becomes `[n, h · up, w · up, c]`; here `c` is the
/// input's count.
enum PixelShuffleBenchmark: BenchmarkKernel {
    static let name = "pixel_shuffle"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .up]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let up = try benchmark.integer(.up)
        let block = up * up  // the grammar bounds up by 2^24
        guard shape[3] % block == 0 else {
            throw benchmark.error(
                .c, expected: "a multiple of up² = \(block)", found: "\(shape[3])")
        }
        return PreparedCase(flops: 0, bytes: Size.bytes(2 * Size.elements(shape))) {
            let x = try benchmark.values(shape)
            return { try Operations.pixelShuffle(x, up).sample() }
        }
    }
}
