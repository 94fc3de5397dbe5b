import Protean

extension LayerEntry {
    static let globalAveragePool2d = LayerEntry(
        "GlobalAveragePool2d", family: .pooling,
        reference: "x.mean((2, 3)) of PyTorch, timm FastAdaptiveAvgPool",
        summary: .fixed("PyTorch's window rules"),
        papers: ["1312.4400"],
        keys: [.optional("flatten", false, "whether y is [B, C], else [B, C, 1, 1]")],
        outputs: [.init("y", "[B, C, 1, 1], or [B, C] with flatten")],
        golden: ["global_average_pool2d", "global_average_pool2d_flat"],
        benchmark: .kernel("global_avg_pool2d", "h=7 w=7 c=512")
    ) { configuration in
        let isFlat = try configuration.bool("flatten"), layer = GlobalAveragePool2d()
        return BuiltLayer(layer) { inputs in
            let means = try layer(inputs.map("x"))
            guard !isFlat else { return [.plain("y", means)] }
            return [.map("y", try means.reshaped(to: [means.shape[0], 1, 1, means.shape[1]]))]
        }
    }
}
