import Protean

/// A fully connected layer on `n` rows of `c` values.
enum LinearBenchmark: BenchmarkKernel {
    static let name = "linear"
    static let requiredKeys: Set<CaseKey> = [.c, .k]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let (n, c, k) = (
            try benchmark.batch(), try benchmark.integer(.c), try benchmark.integer(.k)
        )
        let bytes = Size.bytes(Size.product(n, c), Size.product(c, k), Size.product(n, k))
        return PreparedCase(flops: 2 * Size.product(n, c, k), bytes: bytes) {
            let layer = try Linear(inputFeatures: c, outputFeatures: k)
            return try benchmark.run(layer, on: [n, c])
        }
    }
}
