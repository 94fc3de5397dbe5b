import Protean

/// A map sampled at as many random positions as it has pixels; `algorithm` is `bilinear` (the
/// default), `nearest` or `bicubic`.
enum GridSampleBenchmark: BenchmarkKernel {
    static let name = "grid_sample"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let name = try benchmark.word(.algorithm, of: GridMode.allCases.map(\.rawValue))
        return try benchmark.grid(
            on: benchmark.inputShape(), mode: GridMode(rawValue: name ?? "") ?? .bilinear)
    }
}
