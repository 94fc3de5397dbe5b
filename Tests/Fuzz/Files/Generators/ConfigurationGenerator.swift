/// `config.json` of a model's folder.
enum ConfigurationGenerator: FileGenerator {
    private static let architectures = [
        "resnet20_cifar", "protean_tiny", "protean_deformable", "smsr_x2", "mobilenetv2_100",
        "efficientnet_lite0", "resnet18",
    ]

    static func valid(_ random: inout FuzzRandom) -> FileSample {
        let members = [
            ("architecture", "\"\(random.pick(architectures))\""),
            ("num_classes", "\(random.within(1...1000))"),
            ("pretrained_cfg", "{\"mean\": [0.5, 0.5, 0.5], \"crop_pct\": 0.875}"),
            ("global_pool", "\"avg\""), ("note", JSONText.value(&random, depth: 3)),
        ].prefix(random.within(1...5))
        let space = random.pick(["", " ", "\n  "])
        let text =
            "{" + members.map { "\(space)\"\($0)\":\(space)\($1)" }.joined(separator: ",") + "}\n"
        return FileSample(
            bytes: Array(text: text), expectation: .members(members.map(\.0).sorted()),
            label: "valid")
    }

    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        switch random.below(4) {
        case 0:
            let (text, label) = JSONText.hostile(&random, budget: budget)
            return FileSample(bytes: text, label: label)
        case 1:
            let (text, label) = JSONText.hostile(&random, budget: budget - 80)
            let key = random.pick(["architecture", "model_args", "pretrained_cfg", "label_names"])
            let head = "{\"architecture\":\"protean_tiny\",\"\(key)_\":0,\"\(key)\":"
            return FileSample(
                bytes: Array(text: head) + text + Array(text: "}"), label: "\(key): \(label)")
        default: return FileSample(bytes: absurd(&random), label: "absurd options")
        }
    }

    /// Known options with values that no plug-in supports.
    private static func absurd(_ random: inout FuzzRandom) -> [UInt8] {
        let options = [
            "num_classes", "in_chans", "dense", "width", "depth", "experts", "global_pool",
            "drop_rate",
            "layers", "channels", "features", "blocks",
        ]
        let values = [
            "-1", "0", "1", "1000000", "1000000000", "9007199254740992", "1e300", "0.5", "null",
            "true",
            "\"avg\"", "\"\"", "[1000000000]", "{}", "[]", "[0.1,0.2]", "\"\\u202e\"",
        ]
        let arguments = (0..<random.within(1...3)).map { _ in
            "\"\(random.pick(options))\":\(random.pick(values))"
        }
        let pretrained = [
            "mean", "std", "crop_pct", "input_size", "interpolation", "num_classes", "label_names",
            "crop_mode", "pool_size", "first_conv", "classifier",
        ].map { "\"\($0)\":\(random.pick(values))" }
        let top = random.oneIn(2) ? ",\"num_classes\":\(random.pick(values))" : ""
        return Array(
            text: "{\"architecture\":\"\(random.pick(architectures))\"\(top),\"model_args\":{"
                + arguments.joined(separator: ",") + "},\"pretrained_cfg\":{"
                + pretrained.prefix(random.below(12)).joined(separator: ",") + "}}")
    }
}
