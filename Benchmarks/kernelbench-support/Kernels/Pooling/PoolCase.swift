import Protean

/// The shape of a pooling case.
struct PoolCase {
    let shape: [Int]
    let window: PoolWindow
    let inputs: Double
    let outputs: Double

    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .r]
    static let optionalKeys: Set<CaseKey> = [.n, .rh, .rw, .stride, .pad, .seed]

    init(_ benchmark: BenchmarkCase) throws(CaseError) {
        shape = try benchmark.inputShape()
        let windows = try benchmark.windows()
        for one in [windows.height, windows.width] where one.padding > one.kernel / 2 {
            throw benchmark.error(
                .pad, expected: "at most half the kernel size \(one.kernel)",
                found: "\(one.padding)")
        }
        window = PoolWindow(
            kernelSize: Size2d(height: windows.height.kernel, width: windows.width.kernel),
            stride: Size2d(windows.height.stride),
            padding: Size2d(height: windows.height.padding, width: windows.width.padding))
        let output = try benchmark.outputSize(windows)
        inputs = Size.elements(shape)
        outputs = Size.product(shape[0], output.0, output.1, shape[3])
    }

    /// The cost of a pooling of this shape, with the call to measure.
    func prepared(_ load: @escaping () throws -> KernelRun) -> PreparedCase {
        PreparedCase(flops: inputs, bytes: Size.bytes(inputs, outputs), load: load)
    }
}
