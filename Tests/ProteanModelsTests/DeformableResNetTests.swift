import Foundation
import Protean
import ProteanModels
import Testing

/// `resnet50_dcn` against PyTorch (Tests/Golden/generate/resnet_dcn.py) and against `resnet50`.
@Suite struct DeformableResNetTests {
    private static func isPredictor(_ name: String) -> Bool { name.contains("conv_offset") }

    @Test func keysAreResNet50sAndTheOffsets() throws {
        let list = try String(
            contentsOfFile: TestFiles.golden("models/resnet50.keys.txt"), encoding: .utf8)
        let expected = list.split(separator: "\n").map(String.init)
            .filter { !$0.contains("num_batches_tracked") }
            .flatMap { line in
                guard line.contains(".conv2.weight"), !line.hasPrefix("layer1") else {
                    return [line]
                }
                let width = line.split(separator: ",")[1].trimmingCharacters(in: .whitespaces)
                let name = line.prefix { $0 != " " }.dropLast("weight".count)
                return [
                    line, "\(name)conv_offset.weight [27, \(width), 3, 3]",
                    "\(name)conv_offset.bias [27]",
                ]
            }
        let model = try ModelLoader.standard.makeModel("resnet50_dcn")
        #expect(model.allParameters().map { "\($0.name) \($0.parameter.shape)" } == expected)
        #expect(expected.count { Self.isPredictor($0) } == 26)
    }

    @Test func logitsAgreeWithPyTorch() throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/resnet50_dcn.safetensors"))
        let expected = try golden.tensor("resnet50_dcn")
        // Convolutions and the linear layer have the formula's weights already.
        let model = try ModelLoader.standard.makeModel("resnet50_dcn")
        for named in model.allParameters() {
            let shape = named.parameter.shape
            if shape.count == 1 {
                try named.parameter.set(ResNetTests.values(named.name, shape))
            } else if Self.isPredictor(named.name) {
                let edge = (6 / Float(shape.dropFirst().reduce(1, *))).squareRoot() / 4
                let count = shape.reduce(1, *)
                try named.parameter.set(
                    Tensor(
                        ResNetTests.uniform(named.name, -edge, edge, count: count), shape: shape))
            }
        }
        let shape = [1, 75, 59, 3]
        let x = try Tensor(
            ResNetTests.uniform("x", -1, 1, count: shape.reduce(1, *)), shape: shape)
        let logits = try model(x).reshaped(to: [1000])
        let largest = expected.elements.map(abs).max() ?? 0
        let error = try logits.maximumDifference(from: expected) / largest
        // Rounding moves samples, and thirteen layers of them add up.
        #expect(error < 1e-4)
        print("resnet50_dcn: logits within \(error) of the largest")
    }

    /// New layers have offsets of zero and masks of ½; logits of the modulation make them 1.
    @Test func withoutDisplacementsItIsResNet50() throws {
        let plain = try ModelLoader.standard.makeModel("resnet50")
        let deformable = try ModelLoader.standard.makeModel("resnet50_dcn")
        let x = try Tensor(
            ResNetTests.uniform("image", -1, 1, count: 61 * 77 * 3), shape: [1, 61, 77, 3])
        let halved = try deformable(x)
        for named in deformable.allParameters() where named.name.hasSuffix("conv_offset.bias") {
            let bias = [Float](repeating: 0, count: 18) + [Float](repeating: 60, count: 9)
            try named.parameter.set(Tensor(bias, shape: [27]))
        }
        let expected = try plain(x), found = try deformable(x)
        let largest = expected.elements.map(abs).max() ?? 0
        #expect(try found.maximumDifference(from: expected) < 2e-5 * largest)
        #expect(try halved.maximumDifference(from: expected) > 1e-2 * largest)

        // The factor 2 for sigmoid(0) in the batch norms' statistics instead.
        for named in deformable.allParameters() {
            let parameter = named.parameter
            if named.name.hasSuffix("conv_offset.bias") {
                try parameter.set(Tensor(zeros: parameter.shape))
            } else if named.name.hasSuffix("conv2.weight"), !named.name.hasPrefix("layer1") {
                try parameter.set(
                    Tensor(parameter.value.elements.map { 2 * $0 }, shape: parameter.shape))
            }
        }
        #expect(try deformable(x).maximumDifference(from: expected) < 2e-5 * largest)
    }

    @Test func loadingIsStrictAndKnowsOlderNames() throws {
        let model = try ModelLoader.standard.makeModel("resnet50_dcn")
        let stored = model.allParameters().map { (name: $0.name, tensor: $0.parameter.value) }
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-dcn-\(UUID().uuidString).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }

        try Checkpoint.writeSafetensors(to: path, tensors: stored)
        _ = try ModelLoader.standard.load(path, as: "resnet50_dcn")
        // A plain network's file lacks the offsets, and theirs are too many for a plain network.
        #expect(throws: ProteanError.self) {
            try ModelLoader.standard.load(path, as: "resnet50")
        }
        try Checkpoint.writeSafetensors(
            to: path, tensors: stored.filter { !Self.isPredictor($0.name) })
        #expect(throws: ProteanError.self) {
            try ModelLoader.standard.load(path, as: "resnet50_dcn")
        }
        let older = stored.map {
            (
                name: $0.name.replacingOccurrences(of: "conv2.conv_offset.", with: "conv2_offset."),
                tensor: $0.tensor
            )
        }
        try Checkpoint.writeSafetensors(to: path, tensors: older)
        _ = try ModelLoader.standard.load(path, as: "resnet50_dcn")
    }

    @Test func shapesAndCosts() throws {
        let model = try ModelLoader.standard.makeModel("resnet50_dcn")
        #expect(try model.outputShape(for: [2, 224, 224, 3]) == [2, 1000])
        let plain = try ModelLoader.standard.makeModel("resnet50")
        let found = try model.cost(for: [1, 224, 224, 3]).multiplyAdds
        #expect(found > (try plain.cost(for: [1, 224, 224, 3]).multiplyAdds))
        #expect(throws: ProteanError.self) {
            try ResNet(block: .basic, stages: [1, 1], deformableStages: 0..<1)
        }
        #expect(throws: ProteanError.self) {
            try ResNet(block: .bottleneck, stages: [1, 1], deformableStages: 1..<3)
        }
    }
}
