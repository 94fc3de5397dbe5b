import Protean

extension LayerEntry {
    static let skipBlock = LayerEntry(
        "SkipBlock", family: .depth,
        reference: "a residual block of torchvision's ResNets, with a loop over the rows",
        summary: .dynamic("whether a sample runs a residual block"),
        papers: ["1711.09485", "1711.08393", "1711.11503"],
        keys: [
            .required("inplanes", "input channels C", aliases: "inputChannels"),
            .required(
                "planes", "width P; E output channels, P or, for bottlenecks, 4 P",
                aliases: "width"),
            .optional("unit", "basic", "\"basic\" or \"bottleneck\""),
            .optional("stride", 1, "s of the first 3 x 3 convolution"), .downsample,
            .optional(
                "pass_activation", "identity",
                "identity or relu, of passing rows after the shortcut"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("runs", "[B]: rows above 0 run; all without it", optional: true),
        ],
        weights: [
            .init("conv1.weight, bn1.*, ...", "as of the residual block"),
            .init("downsample.0.weight, .1.*", "[E, C, 1, 1], [E]", optional: true),
        ],
        golden: ["skip_block", "skip_block_bottleneck", "skip_block_relu"],
        benchmark: .generic("skip_block", "h=28 w=28 c=64") { sizes in
            LayerSample(
                ["inplanes": sizes["c"], "planes": sizes["c"]],
                inputs: ["x": .map(try sizes.map), "runs": .plain([try sizes.batch])])
        },
        parts: ["DepthEmbedding", "RecurrentGate"]
    ) { configuration in
        let layer = try block(configuration)
        return BuiltLayer(layer) { inputs in
            var y = try inputs.map("x")
            guard let runs = try inputs.optionalPlain("runs"), !runs.isShapeOnly else {
                return [.map("y", try layer(y))]
            }
            guard runs.shape == [y.shape[0]] else {
                throw ProteanError.shapeMismatch(
                    layer: "SkipBlock", tensor: "runs", expected: "[\(y.shape[0])]",
                    found: runs.shape)
            }
            try layer.apply(to: &y, running: RowPlan(where: runs.elements.map { $0 > 0 }))
            return [.map("y", y)]
        }
    }

    private static func block(_ configuration: LayerConfiguration) throws -> SkipBlock {
        let form = try configuration.choice("unit", of: SkipBlock.Form.self)
        let inputs = try configuration.int("inplanes"), width = try configuration.int("planes")
        let stride = try configuration.positive("stride")
        let passes = try configuration.choice("pass_activation", ["identity", "relu"])
        var shortcut: Sequential?
        if try configuration.downsample() {
            let (outputs, overflow) = width.multipliedReportingOverflow(by: form.expansion)
            guard !overflow else { throw configuration.refusal("planes", "a number of channels") }
            shortcut = try SkipBlock.projection(from: inputs, to: outputs, stride: stride)
        }
        return try SkipBlock(
            form, inputChannels: inputs, width: width, stride: stride,
            more: shortcut.map { [NamedModule("downsample", $0)] } ?? [], shortcut: shortcut,
            passActivation: passes == "relu" ? .relu : .identity)
    }
}
