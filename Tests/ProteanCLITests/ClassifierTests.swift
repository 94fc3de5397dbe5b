import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

@testable import ProteanCLI

@Suite struct ClassifierTests {
    private func model(_ plugin: FakePlugin = FakePlugin()) throws -> Model {
        try ModelLoader(registry: ModelRegistry([plugin])).makeModel("fake")
    }

    @Test func predictionsAreSortedAndNamed() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("a.png")
        // Means 51/255 = 0.2, 0.4, 0.01 / scores 0.2, 4 · 0.1 = 1, ...
        let pixels = [UInt8](repeating: 0, count: 4).flatMap { _ in [51, 51, 0] as [UInt8] }
        try Image(width: 2, height: 2, channels: 3, pixels: pixels).writePNG(to: path)
        let classifier = try Classifier(model())
        let result = try classifier.classify(classifier.image(path), file: path, top: 2)
        #expect(result.predictions.map(\.index) == [1, 0])
        #expect(result.predictions.map(\.label) == ["green", "red"])
        #expect(result.predictions.map(\.logit) == [2, 0.2])
        let sum = exp(2.0) + exp(Double(Float(0.2))) + 1
        #expect(abs(result.predictions[0].probability - exp(2.0) / sum) < 1e-12)
    }

    @Test func aClassWithoutANameHasItsIndexOnly() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("a.png")
        try Image(width: 1, height: 1, channels: 3, pixels: [0, 0, 255]).writePNG(to: path)
        // Names of other classes than the network's are no names.
        var plugin = FakePlugin()
        plugin.classNames = ["red", "green"]
        let classifier = try Classifier(model(plugin))
        let result = try classifier.classify(classifier.image(path), file: path, top: 9)
        #expect(result.predictions.map(\.index) == [2, 0, 1])
        #expect(result.predictions[0].label == nil)
        let json = String(decoding: try JSONEncoder().encode(result), as: UTF8.self)
        #expect(json.contains(#""label":null"#))
    }

    @Test func softmaxSurvivesLargeScores() {
        #expect(Classifier.softmax([1000, 1000]) == [0.5, 0.5])
        #expect(Classifier.softmax([-1000, 0])[0] == 0)
    }

    @Test func modelsWithoutImagesAreRefused() throws {
        var plugin = FakePlugin()
        plugin.preprocessing = nil
        let made = try model(plugin)
        #expect(throws: Failure.self) { try Classifier(made) }
        let png = try #require(ProteanTiny.demoImages.first?.png)
        #expect(throws: Failure.self) {
            try made.input(from: try Image.decode(png, name: "image"))
        }
    }
}
