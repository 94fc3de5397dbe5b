import Foundation
import Protean
import ProteanModels
import Testing
import TinyConvNeXt

/// The package of Docs/YourOwnLayer.md, which uses what is public only.
@Suite struct YourOwnLayerTests {
    private static let package = TestFiles.package.appendingPathComponent("Examples/TinyConvNeXt")

    /// The page's blocks of Swift are the package's files, each of them once.
    @Test func thePageShowsTheseFiles() throws {
        let page = try String(
            contentsOf: TestFiles.package.appendingPathComponent("Docs/YourOwnLayer.md"),
            encoding: .utf8)
        let blocks = page.components(separatedBy: "```swift\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        let folder = Self.package.path
        let found = FileManager.default.enumerator(atPath: folder)?.allObjects as? [String]
        let names = try #require(found).filter {
            $0.hasSuffix(".swift") && !$0.hasPrefix(".")
        }
        let files = try names.map {
            try String(contentsOfFile: folder + "/" + $0, encoding: .utf8)
        }
        #expect(files.count == 7)
        #expect(blocks.sorted() == files.sorted())
        for name in names { #expect(page.contains("`\(name)`"), "the page names \(name)") }
    }

    @Test func theLayersComputeWhatTheySay() throws {
        let norm = try GlobalResponseNorm(channels: 2)
        let x = try Tensor([3, 0, 4, 5], shape: [1, 1, 2, 2])
        // Weights and biases of 0 change nothing.
        #expect(try norm(x).elements == [3, 0, 4, 5])
        try norm.weight.set(Tensor([1, 2], shape: [1, 1, 1, 2]))
        try norm.bias.set(Tensor([0, 10], shape: [1, 1, 1, 2]))
        // Norms are 5 and 5, their mean is 5: factors 2 and 3.
        let expected = try Tensor([6, 10, 8, 25], shape: [1, 1, 2, 2])
        #expect(try norm(x).maximumDifference(from: expected) < 1e-4)
        #expect(try norm.outputShape(for: [2, 4, 4, 2]) == [2, 4, 4, 2])
        let cost = try norm.cost(for: [2, 4, 4, 2])
        #expect((cost.parameters, cost.multiplyAdds) == (4, 128))
        #expect(throws: ProteanError.self) { try norm(Tensor(zeros: [1, 2, 2, 3])) }

        let conv = try WeightStandardizedConv2d(
            inputChannels: 1, outputChannels: 1, kernelSize: Size2d(height: 1, width: 2))
        try conv.weight.set(Tensor([2, 6], shape: [1, 1, 1, 2]))
        // The filter becomes (-1, 1).
        let row = try Tensor([1, 4, 9], shape: [1, 1, 3, 1])
        let differences = try Tensor([3, 5], shape: [1, 1, 2, 1])
        #expect(try conv(row).maximumDifference(from: differences) < 1e-4)
        // A new value is seen by the next call.
        try conv.bias.set(Tensor([1], shape: [1]))
        #expect(
            try conv(row).maximumDifference(from: Tensor([4, 6], shape: [1, 1, 2, 1])) < 1e-4)
    }

    @Test func aPublishedFileLoadsAndClassifies() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("published.safetensors").path
        let network = try TinyConvNeXt()
        try network.initializeWeights(seed: 3)
        // Names as the reference would have them.
        let published = network.allParameters().map { named in
            let name =
                named.name.hasPrefix("head.")
                ? "fc." + named.name.dropFirst("head.".count) : "backbone." + named.name
            return (name, named.parameter.value)
        }
        let other = ("decoder.weight", try Tensor(zeros: [2]))
        try Checkpoint.writeSafetensors(to: path, tensors: published + [other])

        let classifier = try Classifier(weights: path)
        let image = try #require(ProteanTiny.demoImages.first)
        let (label, probability) = try classifier(image.png, name: image.name)
        #expect(classifier.model.plugin.classNames.contains(label))
        #expect(probability > 0.1 && probability <= 1)
        let x = try Tensor(repeating: 0.5, shape: [1, 32, 32, 3])
        #expect(try classifier.model(x).elements == network(x).elements)
        let trace = try classifier.model.trace(for: [1, 32, 32, 3])
        #expect(trace.events.contains { $0.path == "blocks.0.grn" })
        #expect(trace.events.first?.path == "stem")
        #expect(trace.totalCost.parameters == classifier.model.parameterCount)
        // A second registration under the same name is refused.
        #expect(throws: ProteanError.self) {
            try ModelRegistry([TinyConvNeXtPlugin()]).register(TinyConvNeXtPlugin())
        }
    }
}
