import Protean

extension LayerEntry {
    static let maxPool3d = LayerEntry(
        "MaxPool3d", family: .pooling,
        reference: "torch.nn.MaxPool3d on [B, C, H, W], channels as the depth",
        summary: .fixed("maxima over channels too"),
        keys: [
            .required("kernel_size", "[channels, height, width]"),
            .optional("stride", .null, "[channels, height, width]; null: the kernel size"),
            .optional("padding", 0, "0 or [0, height, width]"),
        ],
        outputs: [.init("y", "[B, C', H', W']")],
        golden: ["max_pool3d", "max_pool3d_options"],
        benchmark: .generic("max_pool3d", "h=56 w=56 c=64 r=3") { sizes in
            LayerSample(
                ["kernel_size": [1, sizes["r"], sizes["r"]], "stride": [2, 1, 2]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        func volume(_ key: String) throws -> Size3d {
            let sizes = try configuration.ints(key)
            guard sizes.count == 3 else { throw configuration.refusal(key, "three whole numbers") }
            return Size3d(depth: sizes[0], height: sizes[1], width: sizes[2])
        }
        var padding = Size2d(0)
        if configuration.value("padding") != 0 {
            let sizes = try volume("padding")
            guard sizes.depth == 0 else {
                throw configuration.refusal("padding", "0 for the channels")
            }
            padding = Size2d(height: sizes.height, width: sizes.width)
        }
        return BuiltLayer(
            try MaxPool3d(
                kernelSize: volume("kernel_size"),
                stride: configuration.isNull("stride") ? nil : volume("stride"), padding: padding))
    }
}
