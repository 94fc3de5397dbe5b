import Protean
import ProteanImage
import ProteanModels
import Testing

/// The embedded network against PyTorch.
@Suite struct ProteanTinyTests {
    static func batch(_ pixels: ArraySlice<UInt8>) throws -> Tensor {
        let values = pixels.map { (Float($0) / 255 - 0.2860) / 0.3530 }
        return try Tensor(values, shape: [values.count / 784, 28, 28, 1])
    }

    @Test func shippedImagesGiveTheGoldenLogits() throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/protean_tiny.safetensors"))
        let expected = try golden.tensor("logits")
        let model = try ModelLoader.standard.makeModel("protean_tiny")
        let preprocessing = try #require(model.plugin.preprocessing)
        let images = ProteanTiny.demoImages
        #expect(images.count == 20)
        #expect(Set(images.map(\.label)) == Set(0..<10))
        var logits: [Float] = []
        for image in images {
            let x = try preprocessing.tensor(from: Image.decode(image.png, name: image.name))
            logits += try model(x).elements
        }
        let largest = expected.elements.map(abs).max() ?? 0
        let all = try Tensor(logits, shape: [20, 10])
        #expect(try all.maximumDifference(from: expected) < 1e-4 * largest)
    }

    @Test(
        .enabled(
            if: TestFiles.exist(TestFiles.fashionMNIST), "dataset-fashion-mnist is not installed"))
    func allTestImagesGetPyTorchsClass() throws {
        let golden = try Checkpoint.open(
            TestFiles.golden("models/protean_tiny_all.safetensors"))
        let expected = try golden.tensor("logits").elements
        let pixels = try TestFiles.idx(
            TestFiles.fashionMNIST + "/t10k-images-idx3-ubyte.gz", header: 16)
        let labels = try TestFiles.idx(
            TestFiles.fashionMNIST + "/t10k-labels-idx1-ubyte.gz", header: 8)
        let model = try ModelLoader.standard.makeModel("protean_tiny")
        let largest = expected.map(abs).max() ?? 0
        var differing = 0, correct = 0, rounded = 0
        var worst: Float = 0
        let trace = Trace()
        for start in stride(from: 0, to: 10_000, by: 500) {
            let x = try Self.batch(pixels[start * 784..<(start + 500) * 784])
            let logits = try trace.recording { try model(x).elements }
            for i in 0..<500 {
                let row = logits[i * 10..<i * 10 + 10]
                let theirs = expected[(start + i) * 10..<(start + i) * 10 + 10]
                let best = row.indices.max { row[$0] < row[$1] }! - row.startIndex
                let theirBest = theirs.indices.max { theirs[$0] < theirs[$1] }! - theirs.startIndex
                if best != theirBest { differing += 1 }
                if best == Int(labels[start + i]) { correct += 1 }
                let distance = zip(row, theirs).map { abs($0 - $1) }.max() ?? 0
                if distance < 1e-4 * largest {
                    worst = max(worst, distance)
                } else {
                    rounded += 1
                }
            }
        }
        // Of 3.9 million gates a few are so near to 0 that rounding decides; these images differ.
        #expect(rounded <= 5)
        #expect(differing <= rounded)
        #expect(correct >= 9250)
        let cost = trace.totalCost
        #expect(cost.multiplyAdds == 10_000 * Self.multiplyAdds)
        #expect(cost.executedShare < 0.5)
        let shares = try golden.tensor("executed").elements
        let share = shares.reduce(0) { $0 + Double($1) } / 10_000
        // PyTorch's count leaves out what is not a convolution or a product.
        #expect(abs(cost.executedShare - share) < 0.005)
        print(
            "protean_tiny: \(correct) of 10000 right, \(rounded) decided by rounding, others' logits "
                + "within \(worst / largest), \(cost.executedShare) of the multiply-adds executed")
    }

    /// Of one image with all pixels computed.
    static let multiplyAdds = 10_581_088

    @Test func theDenseNetworkExecutesEverything() throws {
        let gated = try ModelLoader.standard.makeModel("protean_tiny")
        let dense = try ModelLoader.standard.makeModel(
            "protean_tiny", configuration: ModelConfiguration(["dense": .bool(true)]))
        let x = try Self.batch((0..<2 * 784).map { UInt8(truncatingIfNeeded: $0 / 3) }[...])
        let trace = Trace()
        let logits = try trace.recording { try dense(x) }
        let cost = trace.totalCost
        #expect(cost.executedMultiplyAdds == cost.multiplyAdds)
        // Without the gates' own work.
        #expect(cost.multiplyAdds < 2 * Self.multiplyAdds)
        #expect(cost.multiplyAdds > 2 * Self.multiplyAdds - 300_000)
        #expect(try logits.elements != gated(x).elements)
        #expect(try gated.module.cost(for: [1, 28, 28, 1]).multiplyAdds == Self.multiplyAdds)
    }

    @Test func resultsDoNotDependOnThreadsOrBatch() throws {
        let model = try ModelLoader.standard.makeModel("protean_tiny")
        let pixels = (0..<3 * 784).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 28 * 5) }
        let x = try Self.batch(pixels[...])
        for isa in KernelISA.supported {
            let single = try Runtime.with(isa: isa, threads: 1) { try model(x).elements }
            for threads in [2, 3] {
                let several = try Runtime.with(isa: isa, threads: threads) {
                    try model(x).elements
                }
                #expect(several == single)
            }
            for n in 0..<3 {
                let one = try Self.batch(pixels[n * 784..<(n + 1) * 784])
                let alone = try Runtime.with(isa: isa) { try model(one).elements }
                #expect(alone == Array(single[n * 10..<n * 10 + 10]))
            }
        }
    }

    @Test func emptyBatchGivesEmptyResult() throws {
        let model = try ModelLoader.standard.makeModel("protean_tiny")
        #expect(try model(Tensor(zeros: [0, 28, 28, 1])).shape == [0, 10])
    }
}
