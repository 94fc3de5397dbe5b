import Protean

extension LayerEntry {
    static let convBlock = LayerEntry(
        "ConvBlock", family: .convolution,
        reference: "timm ConvNormAct with an attention after it",
        summary: .fixed("convolution, batch norm, any activation, any attention"),
        papers: [],
        keys: [
            .required("in_channels", "C", aliases: "inputChannels"),
            .required("out_channels", "O", aliases: "outputChannels"),
            .optional("kernel_size", 1, "odd k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups"),
            .optional("bias", false, "whether the convolution has a bias"),
            .optional("apply_norm", true, "whether there is a batch norm"),
            .optional("act_layer", "relu", "an activation's name"),
            .optional("act", .null, "a layer in place of act_layer, as layers of Sequential"),
            .optional("attn", .null, "a layer after the activation"),
        ],
        weights: [
            .init("conv.weight", "[O, C / groups, kh, kw]"),
            .init("conv.bias", "[O]", optional: true),
            .init("bn.weight, bias, running_mean, running_var", "[O]", optional: true),
            .init("act.*", "those of act", optional: true),
            .init("attn.*", "those of attn", optional: true),
        ],
        outputs: [.init("y", "[B, O, H', W']")],
        golden: ["conv_block", "conv_block_attention", "conv_block_layers"],
        benchmark: .generic("conv_block", "h=28 w=28 c=64", optional: []) { sizes in
            LayerSample(
                ["in_channels": sizes["c"], "out_channels": sizes["c"], "kernel_size": 3],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let attention = try configuration.optionalNestedLayer("attn")
        let activation = try configuration.optionalNestedLayer("act")
        let function = try configuration.activation("act_layer")
        let attn = attention?.layer, act = activation?.layer
        let layer = try ConvBlock(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"), norm: configuration.bool("apply_norm"),
            activation: act.map { act in ActivationSlot { _ throws(ProteanError) in act } }
                ?? ActivationSlot(function),
            attention: attn.map { attn in AttentionSlot { _ throws(ProteanError) in attn } }
                ?? .none)
        var maps: [(name: String, map: KeyMap)] = []
        if let activation { maps.append((name: "act", map: activation.keyMap)) }
        if let attention { maps.append((name: "attn", map: attention.keyMap)) }
        return BuiltLayer(container: layer, keyMap: .parts(maps))
    }
}
