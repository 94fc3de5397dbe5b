import Protean

/// A map divided by a tensor that broadcasts: `algorithm` names its shape.
enum BroadcastBenchmark: BenchmarkKernel {
    static let name = "broadcast"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed, .algorithm]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        let shapes = [
            "same": shape, "channels": [c], "samples": [n, 1, 1, c], "pixels": [n, h, w, 1],
            "rows": [h, 1, c], "scalar": [],
        ]
        let other =
            shapes[try benchmark.word(.algorithm, of: shapes.keys.sorted()) ?? "channels"] ?? [c]
        let elements = Size.elements(shape)
        let bytes = Size.bytes(2 * elements, Size.elements(other))
        return PreparedCase(flops: elements, bytes: bytes) {
            let a = try benchmark.values(shape)
            let b = try benchmark.values(other, stream: 1)
            return { try Operations.divide(a, b).sample() }
        }
    }
}

/// A sum or a variance over some axes of a map: `algorithm` names the reduction and the axes.
enum ReduceBenchmark: BenchmarkKernel {
    static let name = "reduce"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed, .algorithm]

    private static let axes = ["pixels": [1, 2], "channels": [3], "all": [0, 1, 2, 3]]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape(), elements = Size.elements(shape)
        let names = axes.keys.sorted()
        let all = names + names.map { "variance_\($0)" }
        let name = try benchmark.word(.algorithm, of: all) ?? "pixels"
        let isVariance = name.hasPrefix("variance_")
        let axes = axes[isVariance ? String(name.dropFirst(9)) : name]
        return PreparedCase(flops: (isVariance ? 4 : 1) * elements, bytes: Size.bytes(elements)) {
            let x = try benchmark.values(shape)
            return {
                let y =
                    isVariance
                    ? try Operations.variance(x, axes: axes) : try Operations.sum(x, axes: axes)
                return try y.sample()
            }
        }
    }
}

/// `n` products of `h` rows of `c` values with `c` rows of `k`; `algorithm` `transposed`: with `k` rows
/// of `c`.
enum MatmulBenchmark: BenchmarkKernel {
    static let name = "matmul"
    static let requiredKeys: Set<CaseKey> = [.h, .c, .k]
    static let optionalKeys: Set<CaseKey> = [.n, .seed, .algorithm]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let (n, m) = (try benchmark.batch(), try benchmark.integer(.h))
        let (c, k) = (try benchmark.integer(.c), try benchmark.integer(.k))
        let form = try benchmark.word(.algorithm, of: ["plain", "transposed"])
        let isTransposed = form == "transposed"
        let bytes = Size.bytes(Size.product(n, m, c), Size.product(n, c, k), Size.product(n, m, k))
        return PreparedCase(flops: 2 * Size.product(n, m, c, k), bytes: bytes) {
            let a = try benchmark.values([n, m, c])
            let b = try benchmark.values([n] + (isTransposed ? [k, c] : [c, k]), stream: 1)
            return { try Operations.matmul(a, b, transposeB: isTransposed).sample() }
        }
    }
}

/// `[n, h · w, c]` to `[n, c, h · w]`.
enum TransposeBenchmark: BenchmarkKernel {
    static let name = "transpose"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        return PreparedCase(flops: 0, bytes: Size.bytes(2 * Size.elements(shape))) {
            let x = try benchmark.values(shape).reshaped(
                to: [shape[0], shape[1] * shape[2], shape[3]])
            return { try x.transposed().sample() }
        }
    }
}
