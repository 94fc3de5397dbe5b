import Foundation
import Protean
import ProteanModels
import StyleRecalibration
import Testing

/// The network `srm_resnet32_cifar`, and the package Examples/StyleRecalibration, which is the same
/// network with a layer of its own, against PyTorch, on weights that follow from a formula
/// (Tests/Golden/generate/style_recalibration.py).
@Suite struct StyleRecalibrationTests {
    /// The network's tensors under the names of published files, which begin with `module.`.
    private static func writeCheckpoint(to path: String) throws {
        let network = try RecalibratedResNet()
        let tensors = try network.allParameters().map { named in
            let shape = named.parameter.shape
            let (low, high) = bound(named.name, shape)
            let values = ResNetTests.uniform(
                named.name, low, high, count: shape.reduce(1, *))
            return ("module." + named.name, try Tensor(values, shape: shape))
        }
        try Checkpoint.writeSafetensors(to: path, tensors: tensors)
    }

    /// As in the generator.
    private static func bound(_ key: String, _ shape: [Int]) -> (Float, Float) {
        if shape.count >= 2 {
            let edge = (6 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
            return (-edge, edge)
        }
        let isNorm = key.contains("bn") || key.hasSuffix("downsample.1.weight")
        let isScale = key.hasSuffix("running_var") || isNorm && key.hasSuffix("weight")
        return isScale ? (0.5, 1.5) : (-0.25, 0.25)
    }

    @Test(arguments: [false, true])
    func loadsACheckpointAndAgreesWithPyTorch(isExample: Bool) throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-tests-\(UUID().uuidString).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Self.writeCheckpoint(to: path)
        let model =
            try isExample
            ? ModelLoader(registry: ModelRegistry([RecalibratedResNetPlugin()]))
                .load(path, as: "recalibrated_resnet32")
            : ModelLoader.standard.load(path, as: "srm_resnet32_cifar")
        #expect(model.parameterCount == 469_146)

        let shape = [2, 32, 28, 3]
        let x = try Tensor(
            ResNetTests.uniform("x", -1, 1, count: shape.reduce(1, *)), shape: shape)
        let golden = try Checkpoint.open(TestFiles.golden("models/style_recalibration.safetensors"))
        let expected = try golden.tensor("logits")
        let largest = expected.elements.map(abs).max() ?? 0
        for isa in KernelISA.supported {
            let logits = try Runtime.with(isa: isa) { try model(x) }
            // 31 layers of sums in Float32 against Double.
            #expect(try logits.maximumDifference(from: expected) < 2e-5 * largest, "\(isa)")
            for threads in 2...3 {
                let other = try Runtime.with(isa: isa, threads: threads) { try model(x) }
                #expect(other.elements == logits.elements, "\(isa), \(threads) threads")
            }
        }
    }

    @Test func theNetworkFollowsFromItsOptions() throws {
        let model = try ModelLoader.standard.makeModel("srm_resnet32_cifar")
        #expect(try model.outputShape(for: [3, 32, 32, 3]) == [3, 10])
        #expect(try model.cost(for: [1, 32, 32, 3]).parameters == model.parameterCount)
        // The same keys as the example's network; landmarks are among them.
        let names = model.allParameters().map(\.name)
        #expect(try Set(names) == Set(RecalibratedResNet().allParameters().map(\.name)))
        #expect(model.plugin.landmarkKeys.contains("layer3.4.se.cfc.weight"))
        #expect(model.plugin.landmarkKeys.allSatisfy { names.contains($0) })
        let few = try ModelConfiguration(json: #"{"num_classes": 3}"#, source: "test")
        let small = try ModelLoader.standard.makeModel("srm_resnet32_cifar", configuration: few)
        #expect(try small.outputShape(for: [1, 32, 32, 3]) == [1, 3])
    }

    @Test func isTracedAndCostedLikeOurs() throws {
        let network = try RecalibratedResNet()
        network.assignLabels()
        let trace = try network.trace(for: [1, 32, 32, 3])
        let events = trace.events.filter { $0.layer == "StyleGate" }
        #expect(events.count == 15 && events[0].path == "layer1.0.se")
        #expect(events.allSatisfy { $0.cost.multiplyAdds > 0 })
        #expect(try network.outputShape(for: [3, 33, 31, 3]) == [3, 10])
        #expect(try network.cost(for: [1, 32, 32, 3]).parameters == network.parameterCount)
    }

    @Test func refusesWhatDoesNotFit() throws {
        let layer = try StyleGate(channels: 4)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 3])) }
        #expect(throws: ProteanError.self) { try RecalibratedResNet(blocks: 0) }
        #expect(throws: ProteanError.self) {
            try Sequential([layer, Conv2d(inputChannels: 5, outputChannels: 1, kernelSize: 1)])
        }
    }
}
