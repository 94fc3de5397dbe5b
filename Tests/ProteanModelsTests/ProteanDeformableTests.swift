import Protean
import ProteanModels
import Testing

/// The embedded deformable network against PyTorch
/// (Sources/ProteanModels/Training/export_protean_deformable.py).
@Suite struct ProteanDeformableTests {
    private static let golden = Result {
        try Checkpoint.open(TestFiles.golden("models/protean_deformable.safetensors"))
    }

    private static func input(_ range: Range<Int>) throws -> Tensor {
        let pixels = try #require(golden.get()["images"]).float32().elements
        let values = pixels[range.lowerBound * 784..<range.upperBound * 784].map {
            ($0 / 255 - 0.2860) / 0.3530
        }
        return try Tensor(values, shape: [range.count, 28, 28, 1])
    }

    @Test func turnedImagesGetPyTorchsLogits() throws {
        let golden = try Self.golden.get()
        let expected = try golden.tensor("logits")
        let labels = try #require(golden["labels"]).float32().elements.map { Int($0) }
        let model = try ModelLoader.standard.makeModel("protean_deformable")
        let largest = expected.elements.map(abs).max() ?? 0
        for isa in KernelISA.supported {
            let logits = try Runtime.with(isa: isa) { try model(Self.input(0..<500)) }
            #expect(try logits.maximumDifference(from: expected) < 1e-4 * largest, "\(isa)")
            let right = Self.classes(logits).enumerated().count { labels[$0.offset] == $0.element }
            let theirs = Self.classes(expected).enumerated().count {
                labels[$0.offset] == $0.element
            }
            #expect(right == theirs && right > 300, "\(isa)")
            let error = try logits.maximumDifference(from: expected) / largest
            print("protean_deformable: \(right) of 500 right, logits within \(error) (\(isa))")
        }
    }

    private static func classes(_ logits: Tensor) -> [Int] {
        let values = logits.elements
        return (0..<logits.shape[0]).map { image in
            let row = values[image * 10..<image * 10 + 10]
            return row.indices.max { row[$0] < row[$1] }! - row.startIndex
        }
    }

    @Test func learnedDisplacementsAreNotZero() throws {
        let expected = try Self.golden.get().tensor("offsets").elements
        let model = try ModelLoader.standard.makeModel("protean_deformable")
        let record = SamplingRecord()
        _ = try record.recording { try model(Self.input(0..<1)) }
        #expect(record.entries.map(\.path) == ["conv3", "conv4"])
        var total: Float = 0
        for row in 0..<7 {
            for column in 0..<7 {
                let points = try record.entries[0].points(row: row, column: column)
                for (tap, point) in points.enumerated() {
                    let (dy, dx) = (point.y - point.regularY, point.x - point.regularX)
                    let at = 2 * tap * 49 + row * 7 + column
                    #expect(abs(dy - expected[at]) < 1e-4)
                    #expect(abs(dx - expected[at + 49]) < 1e-4)
                    total += abs(dy) + abs(dx)
                }
            }
        }
        #expect(total / (49 * 18) > 0.1)
    }

    @Test func resultsDoNotDependOnThreadsOrBatch() throws {
        let model = try ModelLoader.standard.makeModel("protean_deformable")
        let x = try Self.input(0..<3)
        for isa in KernelISA.supported {
            let single = try Runtime.with(isa: isa, threads: 1) { try model(x).elements }
            for threads in [2, 3] {
                #expect(
                    try Runtime.with(isa: isa, threads: threads) { try model(x).elements }
                        == single)
            }
            for n in 0..<3 {
                let alone = try Runtime.with(isa: isa) {
                    try model(Self.input(n..<n + 1)).elements
                }
                #expect(alone == Array(single[n * 10..<n * 10 + 10]))
            }
        }
        #expect(try model(Tensor(zeros: [0, 28, 28, 1])).shape == [0, 10])
    }
}
