import Protean
import QueriedOrientation
import Testing

/// The package Examples/QueriedOrientation: a network trained by its `train.py` against PyTorch.
@Suite struct QueriedOrientationTests {
    private static let weights = "models/queried_orientation.safetensors"
    private static let images = "models/queried_orientation-images.safetensors"

    @Test func agreesWithPyTorch() throws {
        let network = try OrientationNetwork(
            trained: try Checkpoint.open(TestFiles.golden(Self.weights)))
        let data = try Checkpoint.open(TestFiles.golden(Self.images))
        let x = try data.tensor("x").permuted([0, 2, 3, 1])
        let expected = try data.tensor("logits")
        let largest = expected.elements.map(abs).max() ?? 0
        for isa in KernelISA.supported {
            let logits = try Runtime.with(isa: isa, threads: 1) { try network(x) }
            #expect(try logits.maximumDifference(from: expected) < 1e-5 * largest, "\(isa)")
            for threads in 2...3 {
                let other = try Runtime.with(isa: isa, threads: threads) { try network(x) }
                #expect(other.elements == logits.elements, "\(isa), \(threads) threads")
            }
        }
    }

    /// The trained network is right far more often than by chance, 8 of 32.
    @Test func solvesItsTask() throws {
        let network = try OrientationNetwork(
            trained: try Checkpoint.open(TestFiles.golden(Self.weights)))
        let data = try Checkpoint.open(TestFiles.golden(Self.images))
        let x = try data.tensor("x").permuted([0, 2, 3, 1])
        let answers = try network(x).argMax(axis: 1).elements
        let labels = try data.tensor("label").elements
        #expect(zip(answers, labels).count { $0 == $1 } >= 24)
    }

    /// The example compares networks of equal executed multiply-adds; train.py counts likewise.
    @Test func theStaticTwinExecutesNoFewerMultiplyAdds() throws {
        let dynamic = try OrientationNetwork(width: 4, isDynamic: true)
        let fixed = try OrientationNetwork(width: 5, isDynamic: false)
        let costs = try [dynamic, fixed].map { try $0.cost(for: [1, 24, 24, 1]).multiplyAdds }
        #expect(costs[1] == 162_080)
        #expect(costs[0] <= costs[1] && costs[0] >= 117_000)
    }
}
