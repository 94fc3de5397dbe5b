import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

@testable import ProteanCLI

/// Commands on a real architecture with seeded weights in a file.
@Suite struct ModelCommandTests {
    private static let name = "resnet20_cifar"
    private let folder: TemporaryFolder
    private let weights: String
    private let image: String

    init() throws {
        folder = try TemporaryFolder()
        weights = folder.path("w.safetensors")
        image = folder.path("a.png")
        try ModelLoader.standard.makeModel(Self.name).save(to: weights)
        let pixels = (0..<40 * 33 * 3).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        try Image(width: 40, height: 33, channels: 3, pixels: pixels).writePNG(to: image)
    }

    private func json(_ result: CommandResult) throws -> [[String: Any]] {
        try #require(result.status == 0, "\(result.errors)")
        return try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
    }

    @Test func runPrintsWhatTheLibraryComputes() throws {
        let model = try ModelLoader.standard.load(weights, as: Self.name)
        let input = try #require(model.plugin.preprocessing).tensor(from: Image.decode(image))
        let logits = try model(input).elements
        let best = try #require(logits.indices.max { logits[$0] < logits[$1] })

        let result = try json(
            protean("run", Self.name, "--weights", weights, "--image", image, image, "--json"))
        #expect(result.count == 2)
        #expect(result[0]["file"] as? String == image)
        #expect(
            result[0]["multiply_adds"] as? Int == (try model.cost(for: input.shape)).multiplyAdds)
        #expect((result[0]["milliseconds"] as? Double ?? 0) > 0)
        let predictions = try #require(result[0]["predictions"] as? [[String: Any]])
        #expect(predictions.count == 5)
        #expect(predictions[0]["index"] as? Int == best)
        #expect(predictions[0]["label"] as? String == model.plugin.classNames[best])
        #expect((predictions[0]["logit"] as? Double).map { Float($0) } == logits[best])

        let table = try protean(
            "run", Self.name, "--weights", weights, "--image", image, "--top", "2")
        #expect(table.status == 0)
        let lines = table.output.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[0].hasPrefix(image))
        #expect(lines[2].contains(model.plugin.classNames[best]))
    }

    @Test func benchReportsEveryLayerForEveryThreadCount() throws {
        let reports = try json(
            protean("bench", Self.name, "--repeat", "2", "--threads", "1,2", "--json"))
        #expect(reports.map { $0["threads"] as? Int } == [1, 2])
        let layers = try #require(reports[0]["layers"] as? [[String: Any]])
        #expect(layers.contains { $0["path"] as? String == "conv1" })
        let shares = layers.reduce(0) { $0 + ($1["share"] as? Double ?? 0) }
        #expect(abs(shares - 1) < 1e-9)
        let sum = layers.reduce(0) { $0 + ($1["multiply_adds"] as? Int ?? 0) }
        #expect(reports[0]["multiply_adds"] as? Int == sum)
        #expect(reports[0]["weights"] as? String == Model.seededSource)
        let table = try protean("bench", Self.name, "--repeat", "1")
        #expect(table.output.contains("whole model:") && table.output.contains("GFLOP/s"))
    }

    @Test func benchRunsOnAnImage() throws {
        let folder = try TemporaryFolder()
        let image = try #require(ProteanTiny.demoImages.first)
        let path = try folder.write(image.png, to: "\(image.name).png")
        let arguments = ["bench", "protean_tiny", "--repeat", "1", "--image", path]
        let result = try protean(arguments + ["--save", folder.path("saved")])
        try #require(result.status == 0, "\(result.errors)")
        let preprocessing = try #require(
            ModelLoader.standard.makeModel("protean_tiny").plugin.preprocessing)
        let expected = try preprocessing.tensor(from: Image.decode(path))
        let saved = try Checkpoint.open(folder.path("saved")).tensor("x")
        #expect((saved.shape, saved.elements) == (expected.shape, expected.elements))
        #expect(try protean(arguments + ["--batch", "2"]).status != 0)
        // The embedded network skips pixels, unless it is told not to.
        for dense in [false, true] {
            let report = try json(
                protean(arguments + ["--json", "--config", "{\"dense\": \(dense)}"]))[0]
            let executed = try #require(report["executed_multiply_adds"] as? Int)
            let total = try #require(report["multiply_adds"] as? Int)
            #expect(dense ? executed == total : executed < total)
        }
        #expect(try protean("run", "protean_tiny", "--image", path).output.contains("% executed"))
        // A network that enlarges images takes them as they are.
        let other = ["bench", "smsr_x2", "--whole", "--repeat", "1", "--image", path]
        let enlarged = try protean(other + ["--save", folder.path("enlarged")])
        try #require(enlarged.status == 0, "\(enlarged.errors)")
        let pixels = try Checkpoint.open(folder.path("enlarged")).tensor("x")
        #expect(pixels.elements == (try Image.decode(path).rgb.tensor()).elements)
    }

    @Test func infoDescribesAModel() throws {
        let result = try protean("info", Self.name)
        #expect(result.status == 0)
        #expect(result.output.contains("input [1, 32, 32, 3], output [1, 10]"))
        #expect(result.output.contains("conv1"))
    }

    private func expectFailure(_ arguments: [String], _ parts: String...) throws {
        let result = try protean(arguments)
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errorLines.count == 1, "\(result.errors)")
        for part in parts {
            #expect(result.errors.contains(part), "\(result.errors) lacks \(part)")
        }
    }

    private func run(_ image: String) -> [String] {
        ["run", Self.name, "--weights", weights, "--image", image]
    }

    @Test func badImagesAreRefusedByName() throws {
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Golden/images")
        func bytes(_ name: String) throws -> Data {
            try Data(contentsOf: golden.appendingPathComponent(name))
        }
        try expectFailure(run("/nowhere/a.png"), "/nowhere/a.png: No such file or directory")
        try expectFailure(
            run(folder.write(try bytes("rgb.png").dropLast(60), to: "cut.png")),
            "cut.png: truncated image")
        try expectFailure(
            run(folder.write(try bytes("420.jpg").dropLast(200), to: "cut.jpg")),
            "cut.jpg: truncated image")
        var damaged = try bytes("rgb.png")
        damaged[45] ^= 0xFF
        try expectFailure(run(folder.write(damaged, to: "bad.png")), "bad.png: corrupt image")
        try expectFailure(
            run(folder.write(Array("plain text".utf8), to: "a.txt")), "not an image")
    }

    @Test func badWeightsAreRefusedByName() throws {
        try expectFailure(
            ["run", Self.name, "--weights", "/nowhere/w.pth", "--image", image], "/nowhere/w.pth")
        try expectFailure(["run", Self.name, "--image", image], Self.name, "give --weights")
        try expectFailure(
            ["run", "mobilenet_v2", "--weights", weights, "--image", image],
            "w.safetensors: weights do not fit the model")
        try expectFailure(
            ["bench", Self.name, "--config", #"{"no_such_option": 1}"#], "no_such_option")
    }

    @Test func demoClassifiesItsImages() throws {
        let result = try protean("demo", "--skip-kernels")
        #expect(result.status == 0, "\(result.errors)")
        for image in ProteanTiny.demoImages { #expect(result.output.contains(image.name)) }
        #expect(result.output.contains("of \(ProteanTiny.demoImages.count) correct"))
    }

    /// Weights, images and class names are part of the executable: nothing has to lie beside it.
    @Test func theExecutableAloneIsEnough() throws {
        let folder = try TemporaryFolder()
        let copy = folder.url.appendingPathComponent("alone")
        try FileManager.default.copyItem(at: executable("protean"), to: copy)
        let demo = try execute(copy, ["demo", "--skip-kernels"], environment: [:])
        #expect(demo.status == 0, "\(demo.errors)")
        #expect(demo.output.contains("of \(ProteanTiny.demoImages.count) correct"))
        let boot = try #require(ProteanTiny.demoImages.first { $0.label == 9 })
        let path = try folder.write(boot.png, to: "boot.png")
        for model in ["protean_tiny", "protean_deformable"] {
            let result = try execute(
                copy, ["run", model, "--image", path, "--top", "1"], environment: [:])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.contains("ankle boot"))
        }
        // Names of ImageNet's classes, which come with the program too.
        let weights = folder.path("m.safetensors")
        try ModelLoader.standard.makeModel("mobilenet_v2").save(to: weights)
        let other = try execute(
            copy, ["run", "mobilenet_v2", "--weights", weights, "--image", path, "--json"],
            environment: [:])
        #expect(other.status == 0, "\(other.errors)")
        #expect(!other.output.contains("\"label\" : null") && other.output.contains("label"))
    }

    @Test func infoCountsParametersAsPyTorch() throws {
        let result = try protean("info", "resnet18")
        #expect(
            result.output.contains("11,689,512 parameters and 9,600 numbers in buffers"))
        let report = try #require(
            JSONSerialization.jsonObject(
                with: Data(try protean("info", "resnet18", "--json").output.utf8))
                as? [String: Any])
        #expect(report["parameters"] as? Int == 11_689_512)
        #expect(report["buffers"] as? Int == 9_600)
        let layers = try #require(report["layers"] as? [[String: Any]])
        let sum = layers.reduce(0) { $0 + ($1["parameters"] as? Int ?? 0) }
        #expect(sum == 11_689_512)
        // The same of a file that holds them.
        let folder = try TemporaryFolder()
        let path = folder.path("r.safetensors")
        try ModelLoader.standard.makeModel("resnet18").save(to: path)
        let file = try protean("info", path)
        #expect(file.output.contains("11,689,512 parameters and 9,600 numbers in buffers"))
    }
}
