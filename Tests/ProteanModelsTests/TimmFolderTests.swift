import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// Folders as timm's `save_for_hf` writes them: keys, logits and preprocessing are timm's
/// (Tests/Golden/generate/timm_folders.py); weights follow from their keys.
@Suite struct TimmFolderTests {
    /// A folder that is removed with its owner.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-\(UUID().uuidString)").path

        init() throws {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func describe(_ json: String) throws {
            try json.write(toFile: path + "/config.json", atomically: true, encoding: .utf8)
        }
    }

    private static func text(_ name: String) throws -> String {
        try String(contentsOfFile: TestFiles.golden("models/timm_\(name)"), encoding: .utf8)
    }

    /// The names and shapes of timm's weights.
    private static func keys(_ network: String) throws -> [(name: String, shape: [Int])] {
        try text("\(network).keys.txt").split(separator: "\n").map { line in
            let space = try #require(line.firstIndex(of: " "))
            let sizes = line[space...].split(whereSeparator: { !$0.isNumber }).compactMap {
                Int($0)
            }
            return (String(line[..<space]), sizes)
        }
    }

    private static func values(_ key: String, _ shape: [Int]) throws -> Tensor {
        let count = shape.reduce(1, *)
        guard shape.count < 2 else {
            let edge = (6 / Float(count / shape[0])).squareRoot()
            return try Tensor(
                ResNetTests.uniform(key, -edge, edge, count: count), shape: shape)
        }
        return shape.isEmpty ? try Tensor([0], shape: []) : try ResNetTests.values(key, shape)
    }

    /// A folder with timm's own configuration and weights by the formula.
    private static func folder(_ network: String) throws -> Folder {
        let folder = try Folder()
        try folder.describe(try text("\(network).json"))
        try Checkpoint.writeSafetensors(
            to: folder.path + "/model.safetensors",
            tensors: try keys(network).map { ($0.name, try values($0.name, $0.shape)) })
        return folder
    }

    @Test(arguments: ["mobilenetv2_100", "efficientnet_lite0", "tf_efficientnet_lite0", "resnet18"])
    func logitsAndWhatBelongsToTheWeightsAreTimms(network: String) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/timm.safetensors"))
        let expected = try golden.tensor(network)
        let folder = try Self.folder(network)
        let model = try ModelLoader.standard.load(folder.path)
        let shape = [1, 75, 59, 3]
        let x = try Tensor(
            ResNetTests.uniform("x", -1, 1, count: shape.reduce(1, *)), shape: shape)
        let logits = try model(x).reshaped(to: [10])
        let largest = expected.elements.map(abs).max() ?? 0
        #expect(try logits.maximumDifference(from: expected) / largest < 2e-5)
        #expect(model.classNames == (0..<10).map { "kind \($0)" })
        let isTF = network.hasPrefix("tf_")
        let share = network == "resnet18" ? 235 : 256
        #expect(
            model.preprocessing
                == ImagePreprocessing(
                    resizing: .shorterSide(share), interpolation: .bicubic, cropHeight: 224,
                    cropWidth: 224,
                    mean: isTF ? [0.5, 0.5, 0.5] : ImagePreprocessing.imageNetMean,
                    deviation: isTF ? [0.5, 0.5, 0.5] : ImagePreprocessing.imageNetDeviation))
        // Said where timm's name and this package's mean different networks.
        #expect(model.notes.count == (network == "efficientnet_lite0" ? 1 : 0))
        // The same weights under timm's name, without the folder's configuration.
        let configuration = try ModelConfiguration(json: #"{"num_classes": 10}"#, source: "test")
        let alone = try ModelLoader.standard.load(
            folder.path + "/model.safetensors", as: network, configuration: configuration)
        #expect(try alone(x).elements == logits.elements)
        #expect(alone.classNames.isEmpty)
    }

    /// Every key has a parameter of its own, of its shape.
    @Test(arguments: [
        ("mobilenetv2_100", "mobilenet_v2"), ("tf_efficientnet_lite0", "efficientnet_lite0"),
    ])
    func everyKeyIsMapped(network: String, name: String) throws {
        let keys = try Self.keys(network).filter { !$0.name.hasSuffix("num_batches_tracked") }
        let configuration = try ModelConfiguration(json: #"{"num_classes": 10}"#, source: "test")
        let model = try ModelLoader.standard.makeModel(name, configuration: configuration)
        #expect(model.allParameters().count == keys.count)
    }

    // MARK: Preprocessing

    @Test(arguments: [
        ("center", 16, 16, 0.9, "center", "bicubic"),
        ("covering", 24, 16, 0.8, "center", "bilinear"),
        ("squash", 16, 24, 0.95, "squash", "bicubic"),
    ])
    func imagesArePreparedAsByTimm(
        name: String, height: Int, width: Int, share: Double, mode: String, filter: String
    ) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/timm.safetensors"))
        let folder = try Self.tiny(
            """
            "pretrained_cfg": {"input_size": [3, \(height), \(width)], "crop_pct": \(share),
             "crop_mode": "\(mode)", "interpolation": "\(filter)", "mean": [0.5, 0.4, 0.3],
             "std": [0.2, 0.25, 0.3]}
            """)
        let model = try ModelLoader.standard.load(folder.path)
        #expect(model.inputShape == [1, height, width, 3])
        let pixels = (0..<37 * 50 * 3).map { UInt8($0 * 37 % 251) }
        let image = try Image(width: 50, height: 37, channels: 3, pixels: pixels)
        let found = try #require(model.preprocessing).tensor(from: image)
        let expected = try golden.tensor(name)
        #expect(try found.reshaped(to: expected.shape).maximumDifference(from: expected) < 1e-6)
    }

    /// A small network's folder, with these members beside its architecture.
    private static func tiny(
        _ members: String, name: String = "resnet20_cifar", classes: Int = 10
    ) throws -> Folder {
        let folder = try Folder()
        try folder.describe(#"{"architecture": "\#(name)", \#(members)}"#)
        let options = try ModelConfiguration(
            json: #"{"num_classes": \#(classes)}"#, source: "test")
        try ModelLoader.standard.makeModel(name, configuration: options)
            .save(to: folder.path + "/model.safetensors")
        return folder
    }

    @Test(arguments: [
        (#""interpolation": "lanczos""#, "pretrained_cfg.interpolation", "bilinear or bicubic"),
        (#""crop_mode": "border""#, "pretrained_cfg.crop_mode", "center or squash"),
        (#""crop_pct": 1e-9"#, "pretrained_cfg.crop_pct", "a share"),
        (#""crop_pct": -1"#, "pretrained_cfg.crop_pct", "a share"),
        (#""input_size": [1, 32, 32]"#, "pretrained_cfg.input_size", "[3, height, width]"),
        (#""input_size": [3, 32]"#, "pretrained_cfg.input_size", "[3, height, width]"),
        (#""input_size": [3, 0, 32]"#, "pretrained_cfg.input_size", "[3, height, width]"),
        (#""mean": [0.5]"#, "pretrained_cfg.mean", "3 numbers"),
        (#""std": [1, 0, 1]"#, "pretrained_cfg.std", "above 0"),
        (#""std": "x""#, "pretrained_cfg.std", "a list of numbers"),
        (#""label_offset": 1"#, "pretrained_cfg.label_offset", "0"),
        (#""label_names": ["a", "b"]"#, "pretrained_cfg.label_names", "10 names"),
    ])
    func whatIsNotSupportedIsRefusedWithFileAndKey(
        member: String, option: String, expected: String
    ) throws {
        let folder = try Self.tiny(#""pretrained_cfg": {\#(member)}"#)
        try Self.expectRefusal(folder, option, expected)
    }

    private static func expectRefusal(
        _ folder: Folder, _ option: String, _ expected: String
    ) throws {
        let error = #expect(throws: ProteanError.self) {
            try ModelLoader.standard.load(folder.path)
        }
        guard case .invalidOption(let layer, option, let wanted, _)? = error else {
            Issue.record("\(String(describing: error)) is not about \(option)")
            return
        }
        #expect(layer.hasPrefix(folder.path + "/config.json"))
        #expect(wanted.contains(expected))
    }

    // MARK: Arguments

    @Test(arguments: [
        (#""model_args": {"global_pool": "max"}"#, "model_args.global_pool", "avg"),
        (#""global_pool": "catavgmax""#, "global_pool", "avg"),
        (#""model_args": {"in_chans": 1}"#, "model_args.in_chans", "3"),
        (#""model_args": {"output_stride": 8}"#, "model_args.output_stride", "32"),
        (#""model_args": {"act_layer": "gelu"}"#, "model_args.act_layer", "num_classes"),
        (#""num_classes": 0"#, "num_classes", "at least 1"),
        (#""model_args": 3"#, "model_args", "an object"),
    ])
    func argumentsThatChangeTheNetworkAreRefused(
        members: String, option: String, expected: String
    ) throws {
        let folder = try Folder()
        try folder.describe(#"{"architecture": "resnet18", \#(members)}"#)
        _ = FileManager.default.createFile(
            atPath: folder.path + "/model.safetensors", contents: Data("not reached".utf8))
        // Options that only the plug-in knows are looked at with the weights open.
        if option.hasSuffix("act_layer") {
            try Checkpoint.writeSafetensors(
                to: folder.path + "/model.safetensors",
                tensors: [("fc.bias", try Tensor(zeros: [1]))])
        }
        try Self.expectRefusal(folder, option, expected)
    }

    @Test func argumentsOfTrainingDoNotMatter() throws {
        let folder = try Self.folder("mobilenetv2_100")
        let json = try Self.text("mobilenetv2_100.json").replacing(
            #""num_classes": 10,"#,
            with: #""num_classes": 10, "drop_rate": 0.2, "drop_path_rate": 0.1,"#,
            maxReplacements: 2)
        try folder.describe(json)
        #expect(try ModelLoader.standard.load(folder.path).classCount == 10)
    }

    /// `num_classes` beside the arguments counts for every plug-in that has the option.
    @Test func classesAreCountedBesideTheArguments() throws {
        let folder = try Self.tiny(#""num_classes": 7"#, classes: 7)
        let model = try ModelLoader.standard.load(folder.path)
        #expect(model.classCount == 7)
        // Seven classes are not the plug-in's ten.
        #expect(model.classNames.isEmpty)
    }

    // MARK: Names of classes

    @Test func namesOfClassesComeFromTheFolder() throws {
        func names(_ members: String) throws -> [String] {
            // Kept, because the folder goes with its owner.
            let folder = try Self.tiny(members)
            return try withExtendedLifetime(folder) {
                try ModelLoader.standard.load(folder.path).classNames
            }
        }
        let letters = "abcdefghij".map { String($0) }
        let list = letters.map { "\"\($0)\"" }.joined(separator: ", ")
        #expect(try names(#""label_names": [\#(list)]"#) == letters)
        #expect(
            try names(#""label_names": [\#(list)], "label_descriptions": {"c": "see"}"#)
                == letters.map { $0 == "c" ? "see" : $0 })
        #expect(
            try names(#""pretrained_cfg": {"label_names": [\#(list)]}"#) == letters)
        #expect(
            try names(#""id2label": {"0": "hen", "9": "cock"}"#)
                == ["hen"] + (1..<9).map { "\($0)" } + ["cock"])
        // Transformers' placeholders say nothing; ten outputs have the plug-in's names then.
        let cifar = try ModelLoader.standard.makeModel("resnet20_cifar").classNames
        #expect(cifar.count == 10)
        #expect(try names(#""id2label": {"0": "LABEL_0"}"#) == cifar)
        #expect(throws: ProteanError.self) { try names(#""id2label": {"10": "x"}"#) }
        #expect(throws: ProteanError.self) { try names(#""label_names": ["a", 2]"#) }
    }

    @Test func namesMayBeGiven() throws {
        let model = try ModelLoader.standard.makeModel("resnet20_cifar")
        let letters = "abcdefghij".map { String($0) }
        #expect(try model.naming(classes: letters).classNames == letters)
        #expect(
            throws: ProteanError.invalidOption(
                layer: "names.txt", option: "classes",
                expected: "10 names, one for each output of resnet20_cifar", found: "2")
        ) { try model.naming(classes: ["a", "b"], source: "names.txt") }
        let other = try ModelLoader.standard.makeModel("smsr_x2")
        #expect(throws: ProteanError.self) { try other.naming(classes: ["a"]) }
    }

    // MARK: Folders that lack something

    @Test func foldersWithoutSomethingSaySo() throws {
        func failure(_ folder: Folder) -> String {
            let error = #expect(throws: ProteanError.self) {
                try ModelLoader.standard.load(folder.path)
            }
            return error?.description ?? ""
        }
        let folder = try Folder()
        #expect(failure(folder).contains("a folder without config.json"))
        try folder.describe(#"{"architectures": ["ResNetForImageClassification"]}"#)
        #expect(failure(folder).contains("Transformers"))
        try folder.describe(#"{"architecture": "resnet18"}"#)
        #expect(failure(folder).contains("without model.safetensors or pytorch_model.bin"))
        _ = FileManager.default.createFile(
            atPath: folder.path + "/model.safetensors.index.json", contents: Data("{}".utf8))
        #expect(failure(folder).contains("sharded"))
        try folder.describe(#"{"architecture": "vit_base_patch16_224"}"#)
        #expect(failure(folder).contains("unknown model 'vit_base_patch16_224'"))
        let error = #expect(throws: ProteanError.self) {
            try ModelLoader.standard.load(folder.path, as: "resnet18")
        }
        #expect(error?.description.contains("sharded") == true)
        #expect(throws: ProteanError.self) { try ModelLoader.standard.load("") }
    }

    @Test func weightsOfAnotherNetworkAreRecognised() throws {
        let folder = try Folder()
        let path = folder.path + "/w.safetensors"
        try Checkpoint.writeSafetensors(
            to: path,
            tensors: try ModelLoader.standard.makeModel("resnet18").allParameters().map {
                ("module." + $0.name, $0.parameter.value)
            })
        let error = #expect(throws: ProteanError.self) {
            try ModelLoader.standard.load(path, as: "resnet34")
        }
        #expect(error?.description.contains("these look like weights of resnet18") == true)
        let cifar = #expect(throws: ProteanError.self) {
            try ModelLoader.standard.load(path, as: "mobilenet_v2")
        }
        #expect(cifar?.description.contains("these look like weights of resnet18") == true)
    }

    @Test func namesInConfigurationsAreBounded() {
        let name = String(repeating: "\u{301}", count: 100_000)
        #expect(throws: ProteanError.self) {
            try ModelConfiguration(json: #"{"a": [{"\#(name)": 1}]}"#, source: "c.json")
        }
    }
}
