import Protean
import ProteanImage
import ProteanModels
import Testing

/// Published ImageNet networks on photographs, preprocessing included, against PyTorch's logits.
@Suite struct ImageNetModelTests {
    static let photographs = ["baby", "bird", "butterfly", "head", "woman"]

    @Test(
        .enabled(
            if: TestFiles.exist(
                TestFiles.fetched("mobilenet_v2.pth"), TestFiles.fetched("efficientnet_lite0.pth"),
                TestFiles.shared("data/set5/HR/bird.png")),
            "published weights or photographs are not there"),
        arguments: ["mobilenet_v2", "efficientnet_lite0"])
    func logitsAgreeWithPyTorch(name: String) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/\(name).safetensors"))
        let model = try ModelLoader.standard.load(TestFiles.fetched("\(name).pth"), as: name)
        let preprocessing = try #require(model.plugin.preprocessing)
        var worst = 0.0
        for photograph in Self.photographs {
            let image = try Image.decode(TestFiles.shared("data/set5/HR/\(photograph).png"))
            let expected = try golden.tensor(photograph)
            let logits = try model(preprocessing.tensor(from: image)).reshaped(to: [1000])
            let largest = expected.elements.map(abs).max() ?? 0
            let error = try logits.maximumDifference(from: expected) / largest
            #expect(error < 1e-4, "\(photograph)")
            worst = max(worst, Double(error))
        }
        print("\(name): logits within \(worst) of the largest on \(Self.photographs.count) images")
    }

    @Test(arguments: [
        ("mobilenet_v2", 300_774_272, 3_504_872), ("efficientnet_lite0", 385_000_000, 4_652_008),
    ])
    func costsArePublishedOnes(name: String, multiplyAdds: Int, parameters: Int) throws {
        let model = try ModelLoader.standard.makeModel(name)
        #expect(try model.outputShape(for: [2, 224, 224, 3]) == [2, 1000])
        let cost = try model.cost(for: [1, 224, 224, 3])
        // PyTorch's count; batch norm's stored statistics are buffers.
        let statistics = model.allParameters().filter { $0.name.contains("running_") }
            .reduce(0) { $0 + $1.parameter.count }
        #expect((model.parameterCount, model.bufferCount) == (parameters, statistics))
        #expect((cost.parameters, cost.buffers) == (parameters, statistics))
        let sum = try model.trace(for: [1, 224, 224, 3]).totalCost
        #expect((sum.parameters, sum.buffers) == (parameters, statistics))
        #expect(abs(Double(cost.multiplyAdds) / Double(multiplyAdds) - 1) < 0.02)
    }
}
