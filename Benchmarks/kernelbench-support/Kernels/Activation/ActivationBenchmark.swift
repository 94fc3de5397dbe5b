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
