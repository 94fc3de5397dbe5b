import Protean

extension LayerEntry {
    static let flatten = LayerEntry(
        "Flatten", family: .shape,
        reference: "torch.nn.Flatten",
        summary: .pytorchShape,
        keys: [
            .optional("start_dim", 1, "1", aliases: "startDimension"),
            .optional("end_dim", -1, "-1"),
        ],
        inputs: [.init("x", "[B, C, H, W], or [B, ...] in any other number of axes")],
        outputs: [.init("y", "[B, C * H * W]")],
        golden: ["flatten", "flatten_rows"],
        benchmark: .generic("flatten", "h=7 w=7 c=512") { sizes in
            LayerSample([:], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        try configuration.require("end_dim", -1)
        let layer = try Flatten(startDimension: configuration.int("start_dim"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            return [.plain("y", try layer(x.rank == 4 ? inputs.map("x") : x))]
        }
    }
}
