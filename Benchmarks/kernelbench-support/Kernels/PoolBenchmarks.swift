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

    /// What a pooling of this shape costs, with the call to measure.
    func prepared(_ load: @escaping () throws -> KernelRun) -> PreparedCase {
        PreparedCase(flops: inputs, bytes: Size.bytes(inputs, outputs), load: load)
    }
}

/// The largest value of each window.
enum MaxPool2dBenchmark: BenchmarkKernel {
    static let name = "max_pool2d"
    static let requiredKeys = PoolCase.requiredKeys
    static let optionalKeys = PoolCase.optionalKeys

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let pool = try PoolCase(benchmark)
        return pool.prepared {
            let x = try benchmark.values(pool.shape)
            return { try Operations.maxPool2d(x, pool.window).sample() }
        }
    }
}

/// The mean of each window.
enum AvgPool2dBenchmark: BenchmarkKernel {
    static let name = "avg_pool2d"
    static let requiredKeys = PoolCase.requiredKeys
    static let optionalKeys = PoolCase.optionalKeys

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let pool = try PoolCase(benchmark)
        return pool.prepared {
            let x = try benchmark.values(pool.shape)
            return { try Operations.avgPool2d(x, pool.window).sample() }
        }
    }
}

/// The mean of each channel.
enum GlobalAvgPool2dBenchmark: BenchmarkKernel {
    static let name = "global_avg_pool2d"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let inputs = Size.elements(shape)
        let bytes = Size.bytes(inputs, Size.product(shape[0], shape[3]))
        return PreparedCase(flops: inputs, bytes: bytes) {
            let x = try benchmark.values(shape)
            return { try Operations.globalAveragePool(x).sample() }
        }
    }
}
