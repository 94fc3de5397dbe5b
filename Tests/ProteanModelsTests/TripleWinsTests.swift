import Foundation
import ProteanModels
import Testing

@testable import Protean

/// The network that others trained for MNIST, on all test images.
@Suite struct TripleWinsTests {
    static let weights = TestFiles.shared("weights/conditional/triplewins_mnist.pth.tar")
    static let images = TestFiles.shared("data/mnist/t10k-images-idx3-ubyte.gz")
    static let labels = TestFiles.shared("data/mnist/t10k-labels-idx1-ubyte.gz")

    /// What happened to the test images.
    private struct Figures {
        var leaving = [0, 0, 0]
        var correct = 0
        var executed = 0
    }

    @Test(.enabled(if: TestFiles.exist(weights, images, labels), "the trained network is absent"))
    func thePublishedNetworkReachesItsFigures() throws {
        let model = try ModelLoader.standard.load(Self.weights, as: "triplewins_mnist")
        #expect(model.parameterCount == 836_846)
        let network = try #require(model.module as? ExitNetwork)
        let pixels = try TestFiles.idx(Self.images, header: 16)
        let labels = try TestFiles.idx(Self.labels, header: 8)
        #expect(labels.count == 10_000 && pixels.count == 7_840_000)
        var exits = [0, 0, 0], at90 = Figures(), at95 = Figures()
        for start in stride(from: 0, to: 10_000, by: 500) {
            let bytes = pixels[start * 784..<(start + 500) * 784]
            let x = try Tensor(bytes.map { Float($0) / 255 }, shape: [500, 28, 28, 1])
            let truth = labels[start..<start + 500].map { Int($0) }
            for (exit, logits) in try network.all(x).enumerated() {
                exits[exit] += zip(Self.classes(logits), truth).count { $0 == $1 }
            }
            try Self.run(network, x, truth, threshold: 0.9, &at90)
            try Self.run(network, x, truth, threshold: 0.95, &at95)
        }
        #expect(exits == [9780, 9928, 9944])
        #expect(at90.leaving == [9202, 598, 200] && at90.correct == 9931)
        #expect(at95.leaving == [8791, 901, 308] && at95.correct == 9938)
        // What the rows that left were charged is what the table says.
        let table = try network.costs(for: [1, 28, 28, 1]).exits.map(\.multiplyAdds)
        let expected = zip(at90.leaving, table).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(at90.executed == expected)
        print("executed at 0.9: \(Double(expected) / Double(10_000 * table[2])) of the last exit")
    }

    private static func classes(_ logits: Tensor) -> [Int] {
        let classes = logits.shape[1], values = logits.elements
        return (0..<logits.shape[0]).map {
            Criterion.predictedClass(values[$0 * classes..<($0 + 1) * classes])
        }
    }

    private static func run(
        _ network: ExitNetwork, _ x: Tensor, _ truth: [Int], threshold: Float,
        _ figures: inout Figures
    ) throws {
        let result = try network.dynamic(
            x, policy: .threshold(.maximumProbability, [threshold, threshold, threshold]))
        for exit in result.exits { figures.leaving[exit] += 1 }
        figures.correct += zip(classes(result.logits), truth).count { $0 == $1 }
        figures.executed += result.executed.reduce(0, +)
    }
}
