import Protean

/// An activation on a map.
enum ActivationBenchmark: BenchmarkKernel {
    static let name = "activation"
    static let requiredKeys: Set<CaseKey> = [.c, .activation]
    static let optionalKeys: Set<CaseKey> = [.n, .h, .w, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.rowsShape()
        let activation = try benchmark.activationValue()
        let elements = Size.elements(shape)
        return PreparedCase(flops: elements, bytes: Size.bytes(2 * elements)) {
            let x = try benchmark.values(shape)
            return { try Operations.activate(x, activation).sample() }
        }
    }
}

/// The sum of two maps.
enum AddBenchmark: BenchmarkKernel {
    static let name = "add"
    static let requiredKeys: Set<CaseKey> = [.c]
    static let optionalKeys: Set<CaseKey> = [.n, .h, .w, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.rowsShape()
        let elements = Size.elements(shape)
        return PreparedCase(flops: elements, bytes: Size.bytes(3 * elements)) {
            let a = try benchmark.values(shape)
            let b = try benchmark.values(shape, stream: 1)
            return { try Operations.add(a, b).sample() }
        }
    }
}

/// Softmax along the channels.
enum SoftmaxBenchmark: BenchmarkKernel {
    static let name = "softmax"
    static let requiredKeys: Set<CaseKey> = [.c]
    static let optionalKeys: Set<CaseKey> = [.n, .h, .w, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.rowsShape()
        let elements = Size.elements(shape)
        return PreparedCase(flops: elements, bytes: Size.bytes(2 * elements)) {
            let x = try benchmark.values(shape)
            return { try Operations.softmax(x).sample() }
        }
    }
}

/// Batch normalisation with stored statistics.
enum BatchNorm2dBenchmark: BenchmarkKernel {
    static let name = "batch_norm2d"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let shape = try benchmark.inputShape()
        let elements = Size.elements(shape)
        return PreparedCase(flops: 2 * elements, bytes: Size.bytes(2 * elements)) {
            let layer = try BatchNorm2d(channels: shape[3])
            return try benchmark.run(layer, on: shape)
        }
    }
}

extension BenchmarkCase {
    /// `[n, h, w, c]`, or `[n, c]` without `h` and `w`.
    func rowsShape() throws(CaseError) -> [Int] {
        guard values[.h] != nil || values[.w] != nil else {
            return [try batch(), try integer(.c)]
        }
        return try inputShape()
    }
}
