import Protean

/// A volume sampled at as many random positions as it has voxels; `algorithm` is `bilinear` (the
/// default), of eight voxels, or `nearest`.
enum GridVolumeBenchmark: BenchmarkKernel {
    static let name = "grid_sample_volume"
    static let requiredKeys: Set<CaseKey> = [.d, .h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let name = try benchmark.word(.algorithm, of: ["bilinear", "nearest"])
        var shape = try benchmark.inputShape()
        shape.insert(try benchmark.integer(.d), at: 1)
        return try benchmark.grid(on: shape, mode: GridMode(rawValue: name ?? "") ?? .bilinear)
    }
}
