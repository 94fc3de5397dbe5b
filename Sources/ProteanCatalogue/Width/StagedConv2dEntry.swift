import Protean

extension LayerEntry {
    static let stagedConv2d = LayerEntry(
        "StagedConv2d", family: .width,
        reference: "torch.nn.Conv2d per stage on torch.cat of the maps read",
        summary: .dynamic("after how many of its channels a network answers"),
        papers: ["1911.07033"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .bias(true),
            .required(
                "points",
                "the group behind the last of each stage, ascending; the last is the "
                    + "number of groups", aliases: "splits", "groups"),
            .optional(
                "reuse", "full",
                "\"full\", \"none\", or the matrix row by row: 1 where a stage reads another"),
        ],
        weights: [
            .init("stages.{i}.weight", "[O_i, channels read, kh, kw]"),
            .init("stages.{i}.bias", "[O_i]", optional: true),
        ],
        golden: ["staged_conv2d", "staged_conv2d_partial", "staged_conv2d_none"],
        benchmark: .generic("staged_conv2d", "h=28 w=28 c=64 k=64 r=3") { sizes in
            // Two halves where both numbers of channels have them.
            let isEven = try sizes.int("c") % 2 == 0 && sizes.int("k") % 2 == 0
            return LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                    "padding": .number(Double((try sizes.int("r") - 1) / 2)),
                    "points": isEven ? [1, 2] : [1],
                ], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let points = try configuration.ints("points")
        let splits = try ChannelSplits(groups: points.last ?? 0, points: points)
        return BuiltLayer(
            try StagedConv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("out_channels"),
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.size("stride"), padding: configuration.padding("padding"),
                bias: configuration.bool("bias"), splits: splits,
                reuse: reuse(configuration, stages: splits.stages)))
    }

    private static func reuse(
        _ configuration: LayerConfiguration, stages: Int
    ) throws -> ReuseMatrix {
        if configuration.text("reuse") != nil {
            let name = try configuration.choice("reuse", ["full", "none"])
            return try name == "full" ? .full(stages) : .none(stages)
        }
        let flat = try configuration.ints("reuse")
        guard flat.count == stages * stages, flat.allSatisfy({ $0 == 0 || $0 == 1 }) else {
            throw configuration.refusal(
                "reuse", "\"full\", \"none\" or \(stages * stages) zeros and ones")
        }
        return try ReuseMatrix(
            (0..<stages).map { row in (0..<stages).map { flat[row * stages + $0] == 1 } })
    }
}
