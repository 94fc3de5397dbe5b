import Protean
import ProteanImage
import ProteanModels
import Testing

/// Published CIFAR-10 networks on the 200 images of MLPerf Tiny. PyTorch gives the same counts from
/// the same files.
@Suite struct CIFARResNetTests {
    static let images = TestFiles.shared("data/cifar10_ic01_200_lossless.npz")

    @Test(
        .enabled(if: TestFiles.exist(images), "published images are not beside the repository"),
        arguments: [
            ("resnet20_cifar", "weights/resnet20-12fca82f.th", 180),
            ("resnet32_cifar", "weights/cifar_best_resnet.pth", 178),
            ("se_resnet32_cifar", "weights/cifar_best_senet.pth", 179),
        ])
    func classifiesAsManyImagesAsPyTorch(name: String, weights: String, correct: Int) throws {
        let archive = try TestFiles.read(Self.images)
        let pixels = try TestFiles.npz(archive, member: "x")
        let labels = try TestFiles.npz(archive, member: "y")
        let model = try ModelLoader.standard.load(TestFiles.shared(weights), as: name)
        let preprocessing = try #require(model.plugin.preprocessing)

        var right = 0
        for index in 0..<200 {
            let image = try Image(
                width: 32, height: 32, channels: 3,
                pixels: Array(pixels[index * 3072..<(index + 1) * 3072]))
            let logits = try model(preprocessing.tensor(from: image)).elements
            let best = logits.indices.max { logits[$0] < logits[$1] }
            // Labels may be stored in one byte or in eight.
            if best == Int(labels[index * (labels.count / 200)]) { right += 1 }
        }
        #expect(right == correct)
        print("\(name): \(right) of 200 from \(weights)")
    }

    @Test func depthMustFitTheArchitecture() {
        #expect(throws: ProteanError.self) {
            try CIFARResNet(depth: 21, shortcut: .padding, classifierName: "fc")
        }
    }

    @Test func costFollowsFromTheShapeAlone() throws {
        let model = try ModelLoader.standard.makeModel("resnet20_cifar")
        #expect(try model.outputShape(for: [3, 32, 32, 3]) == [3, 10])
        // 40.55 million multiply-adds and 0.27 million parameters, as the paper's table counts.
        let cost = try model.cost(for: [1, 32, 32, 3])
        #expect(cost.multiplyAdds == 40_551_040)
        #expect(model.parameterCount == 269_722)
    }
}
