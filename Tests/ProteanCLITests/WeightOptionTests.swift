import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// `--prefix`, `--classes`, `--all`, and what commands say about paths and weights.
@Suite struct WeightOptionTests {
    private static let name = "resnet20_cifar"
    private let folder: TemporaryFolder
    private let image: String

    init() throws {
        folder = try TemporaryFolder()
        image = folder.path("a.png")
        let pixels = (0..<32 * 32 * 3).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        try Image(width: 32, height: 32, channels: 3, pixels: pixels).writePNG(to: image)
    }

    /// The network's seeded weights under `prefix`, and other keys.
    private func weights(
        _ prefix: String, classes: Int = 10, others: [String] = []
    ) throws -> String {
        let path = folder.path("\(prefix)\(classes).safetensors")
        let options = try ModelConfiguration(
            json: #"{"num_classes": \#(classes)}"#, source: "test")
        let model = try ModelLoader.standard.makeModel(Self.name, configuration: options)
        var tensors = model.allParameters().map {
            (name: prefix + $0.name, tensor: $0.parameter.value)
        }
        for other in others { tensors.append((other, try Tensor(zeros: [1]))) }
        try Checkpoint.writeSafetensors(to: path, tensors: tensors)
        return path
    }

    private func run(_ path: String, _ more: String...) throws -> CommandResult {
        try protean(["run", Self.name, "--weights", path, "--image", image, "--json"] + more)
    }

    private func failure(_ result: CommandResult) -> String {
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errorLines.count == 1, "\(result.errors)")
        return result.errors
    }

    private func labels(_ result: CommandResult) throws -> [String?] {
        try #require(result.status == 0, "\(result.errors)")
        let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        let images = try #require(json as? [[String: Any]])
        let predictions = try #require(images.first?["predictions"] as? [[String: Any]])
        return predictions.map { $0["label"] as? String }
    }

    @Test func aPrefixIsTakenOffAloud() throws {
        let wrapped = try weights("_orig_mod.module.")
        let result = try run(wrapped)
        #expect(result.status == 0)
        #expect(
            result.errors
                == "protean: note: every key begins with `_orig_mod.module.`, which was taken off\n"
        )
        let chosen = try run(wrapped, "--prefix", "_orig_mod.module")
        #expect(chosen.status == 0 && chosen.errors.isEmpty)
        let asTheyAre = failure(try run(wrapped, "--prefix", ""))
        #expect(asTheyAre.contains("and 92 more") && asTheyAre.contains("(--all names all)"))
        let all = failure(try run(wrapped, "--prefix", "", "--all"))
        #expect(all.contains("linear.bias") && !all.contains("more"))
        #expect(failure(try run(wrapped, "--prefix", "x")).contains("no key begins with `x.`"))
        let described = try protean("info", wrapped)
        #expect(described.output.contains("every name begins with `_orig_mod.module.`"))
        #expect(described.output.contains("_orig_mod.module.conv1.weight"))
    }

    @Test func apartOfAFileIsOfferedAndChosen() throws {
        let part = try weights("net.", others: ["loss.weight"])
        #expect(failure(try run(part)).contains("the keys under `net.` fit"))
        let chosen = try run(part, "--prefix", "net.")
        #expect(chosen.status == 0)
        #expect(chosen.errors.contains("1 keys outside of `net.`"))
        #expect(try protean("info", part, "--prefix", "loss.").output.contains("1 tensors"))
        #expect(try protean("info", part, "--prefix", "nothing").status == 1)
        // Without a file there are no names to read.
        let without = try protean(
            "bench", Self.name, "--prefix", "net.", "--repeat", "1", "--whole")
        #expect(failure(without).contains("--prefix"))
    }

    @Test func namesOfClassesBelongToTheWeights() throws {
        let seven = try weights("", classes: 7)
        let options = ["--config", #"{"num_classes": 7}"#]
        #expect(try labels(try run(seven, options[0], options[1])) == [nil, nil, nil, nil, nil])
        let wrong = failure(try run(seven))
        #expect(
            wrong.contains("only the classifier differs: 7 classes in the file instead of 10"))
        let names = try folder.write(Array("a\r\nb\nc\nd\ne\nf\nhen\n\n".utf8), to: "names.txt")
        let found = try labels(try run(seven, options[0], options[1], "--classes", names))
        #expect(Set(found).isSubset(of: ["a", "b", "c", "d", "e", "f", "hen"]))
        let few = try folder.write(Array("a\nb\n".utf8), to: "few.txt")
        let error = failure(try run(seven, options[0], options[1], "--classes", few))
        for part in ["few.txt", "7 names", "2"] { #expect(error.contains(part)) }
        let gap = try folder.write(Array("a\n\nc\n".utf8), to: "gap.txt")
        #expect(
            failure(try run(seven, options[0], options[1], "--classes", gap))
                .contains("line 2 is empty"))
        #expect(
            failure(try run(seven, options[0], options[1], "--classes", "/nowhere/n.txt"))
                .contains("/nowhere/n.txt"))
    }

    @Test func pathsAreNamed() throws {
        let directory = folder.url.path
        for (result, option) in [
            (try protean("info", ""), "'<subject>'"), (try run(""), "'--weights <weights>'"),
            (try protean("run", "", "--image", image), "'<model>'"),
        ] {
            #expect(result.status == 64)
            #expect(result.errors.contains("\(option): expected a path, found an empty text"))
        }
        #expect(failure(try run(directory)).contains("without model.safetensors"))
        #expect(failure(try protean("info", directory)).contains("a folder without config.json"))
        let text = try folder.write(
            Array("version https://git-lfs.github.com/spec/v1".utf8), to: "w")
        #expect(failure(try run(text)).contains("git lfs pull"))
    }

    /// What lies beside the weights of a training state is named, and never made.
    @Test func otherObjectsAreNamed() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .appendingPathComponent("Golden/checkpoints/training.zip.pt").path
        let checkpoint = try Checkpoint.open(file)
        try #require(!checkpoint.otherObjects.isEmpty)
        let short = try protean("info", file)
        #expect(short.output.contains("beside the tensors: "))
        let all = try protean("info", file, "--all")
        for object in checkpoint.otherObjects {
            #expect(all.output.contains("\(object.path) (\(object.typeName))"))
        }
    }

    /// What cannot work is said before weights are asked for.
    @Test func aModelThatDoesNotEnlargeSaysSoFirst() throws {
        let result = try protean("upscale", "resnet18", "--image", image, "--output", "x.png")
        #expect(failure(result).contains("does not enlarge images"))
    }

    @Test(
        .enabled(
            if: FileManager.default.fileExists(atPath: Self.both),
            "published weights are not beside the repository"))
    func containersAreChosen() throws {
        let result = try protean("info", Self.both)
        #expect(result.status == 0 && result.errors.contains("'params_ema'"))
        let chosen = try protean("info", Self.both, "--container", "params_ema")
        #expect(chosen.status == 0 && chosen.errors.isEmpty)
        #expect(failure(try protean("info", Self.both, "--container", "parms")).contains("params"))
    }

    private static let both =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("shared/fails/params_both.pth").path

    @Test func applyTakesAPrefixToo() throws {
        let (input, output) = (folder.path("x.safetensors"), folder.path("y.safetensors"))
        try Checkpoint.writeSafetensors(
            to: input, tensors: [("x", try Tensor(repeating: 1, shape: [1, 3]))])
        let path = folder.path("l.safetensors")
        try Checkpoint.writeSafetensors(
            to: path,
            tensors: [
                ("m.l.weight", try Tensor(repeating: 2, shape: [2, 3])),
                ("m.l.bias", try Tensor(repeating: 1, shape: [2])),
            ])
        let arguments = [
            "apply", "Linear", "--config", #"{"in_features": 3, "out_features": 2}"#,
            "--weights", path, "--input", input, "--output", output,
        ]
        let result = try protean(arguments)
        #expect(result.status == 0 && result.errors.contains("`m.l.`"))
        #expect(try Checkpoint.open(output).tensor("y").elements == [7, 7])
        #expect(try protean(arguments + ["--prefix", "m.l"]).errors.isEmpty)
        #expect(try protean(arguments + ["--prefix", "m"]).status == 1)
    }
}
