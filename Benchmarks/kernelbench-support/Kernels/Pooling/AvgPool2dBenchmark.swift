import Protean

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
