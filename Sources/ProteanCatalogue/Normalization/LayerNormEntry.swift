import Protean

extension LayerEntry {
    static let layerNorm = LayerEntry(
        "LayerNorm", family: .normalization,
        reference: "torch.nn.LayerNorm over the last axis, timm LayerNorm2d",
        summary: .fixed("over the channels of each pixel"),
        papers: ["1607.06450"],
        variants: [
            .init(
                name: "torch",
                keys: [
                    .required("normalized_shape", "n or [n]: length C of the innermost axis"),
                    .optional("eps", .number(1e-5), "added to the variance", aliases: "epsilon"),
                    .optional("elementwise_affine", true, "whether there are weight and bias"),
                    .optional("bias", true, "whether there is a bias beside the weight"),
                ]),
            .init(
                name: "timm",
                keys: [
                    .required("num_channels", "channels C of a map", aliases: "channels"),
                    .optional("eps", .number(1e-6), "added to the variance", aliases: "epsilon"),
                    .optional("affine", true, "whether there are weight and bias"),
                ]),
        ],
        inputs: [.init("x", "[..., C], or [B, C, H, W]  (timm)")],
        weights: [.init("weight", "[C]", optional: true), .init("bias", "[C]", optional: true)],
        outputs: [.init("y", "as x")],
        golden: [
            "layer_norm", "layer_norm_options", "layer_norm_plain", "layer_norm_timm",
            "layer_norm_timm_plain",
        ],
        benchmark: .generic("layer_norm", "h=56 w=56 c=96") { sizes in
            LayerSample(
                ["variant": "timm", "num_channels": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let isMap = configuration.text("variant") == "timm"
        let isAffine = try configuration.bool(isMap ? "affine" : "elementwise_affine")
        let hasBias = try isMap || configuration.bool("bias")
        let norm = try LayerNorm(
            channels: isMap ? configuration.int("num_channels") : lastAxis(configuration),
            epsilon: Float(configuration.number("eps")))
        var parameters = isAffine ? norm.parameters : []
        if !hasBias { parameters.removeAll { $0.name == "bias" } }
        return BuiltLayer(PartlyAffineNorm(norm: norm, parameters: parameters)) { inputs in
            isMap
                ? [.map("y", try norm(inputs.map("x")))]
                : [.plain("y", try norm(inputs.plain("x")))]
        }
    }

    /// The one number of `normalized_shape`.
    private static func lastAxis(_ configuration: LayerConfiguration) throws -> Int {
        let key = "normalized_shape"
        guard case .array(let list) = configuration.value(key) else {
            return try configuration.int(key)
        }
        guard list.count == 1 else {
            throw configuration.refusal(key, "a whole number or a list of one: the last axis")
        }
        return try configuration.ints(key)[0]
    }
}

/// A norm that loads the parameters present in a weight file; missing ones stay 1 and 0.
private struct PartlyAffineNorm: Module {
    let norm: LayerNorm
    let parameters: [NamedParameter]

    var label: Label? { norm.label }
}
