import Protean

extension LayerEntry {
    static let adaptiveAvgPool2d = LayerEntry(
        "AdaptiveAvgPool2d", family: .pooling,
        reference: "torch.nn.AdaptiveAvgPool2d",
        summary: .fixed("PyTorch's window rules"),
        keys: [.required("output_size", "n or [h, w]; null keeps the input's size")],
        outputs: [.resizedMap],
        golden: ["adaptive_pool", "adaptive_pool_none"],
        benchmark: .generic("adaptive_avg_pool2d", "h=56 w=56 c=64 r=7") { sizes in
            LayerSample(
                ["output_size": sizes["r"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let (height, width) = try configuration.pairOfOptionals("output_size")
        return BuiltLayer(try AdaptiveAvgPool2d(height: height, width: width))
    }
}
