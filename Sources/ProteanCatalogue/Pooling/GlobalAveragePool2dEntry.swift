import Protean

extension LayerEntry {
    static let globalAveragePool2d = LayerEntry(
        "GlobalAveragePool2d", family: .pooling,
        reference: "x.mean((2, 3)) in PyTorch, timm FastAdaptiveAvgPool(flatten=True)",
        summary: .fixed("PyTorch's window rules"),
        papers: ["1312.4400"],
        outputs: [.init("y", "[B, C]")],
        golden: ["global_average_pool2d", "global_average_pool2d_large"],
        benchmark: .kernel("global_avg_pool2d", "h=7 w=7 c=512")
    ) { _ in
        let layer = GlobalAveragePool2d()
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.map("x")))] }
    }
}
