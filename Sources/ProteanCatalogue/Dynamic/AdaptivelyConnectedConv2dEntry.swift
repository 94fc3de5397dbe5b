import Protean

extension LayerEntry {
    static let adaptivelyConnectedConv2d = LayerEntry(
        "AdaptivelyConnectedConv2d", family: .dynamic,
        reference: "wanggrun Grconv (data-set aware), resnet_bottleneck (pixel aware)",
        summary: .dynamic("the shares of neighbourhood, pixel and whole map"),
        papers: ["1904.03579"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("filters", "output channels O", aliases: "outputChannels"),
            .optional("strides", 1, "s", aliases: "stride"),
            .optional(
                "use_bias", .null, "whether convolutions have biases; null: dataset-aware ones"),
        ],
        variants: [
            .init(
                name: "dataset-aware",
                keys: [.required("size", "[H', W'] of the output, as PPP", aliases: "map")]),
            .init(name: "pixel-aware", keys: []),
        ],
        weights: [
            .init("z3.weight", "[O, C, 3, 3] (dataset-aware, as the next four)", optional: true),
            .init("z1.weight", "[O, C, 1, 1]", optional: true),
            .init("z3.bias, z1.bias", "[O]", optional: true),
            .init("PPP", "[3, 1, H', W']", optional: true),
            .init("sum.bn.weight, bias, running_mean, running_var", "[O]", optional: true),
            .init("fc1.weight, fc1.bias", "[O, C], [O]"),
            .init("fc3.weight, fc3.bias", "[O, O], [O]; pixel-aware: fc2"),
            .init("conv2.weight", "[O, C, 3, 3] (pixel-aware, as the next three)", optional: true),
            .init("conv_c1.weight", "[O, 2 * O, 1, 1]", optional: true),
            .init("conv_c2.weight", "[O, O, 1, 1]", optional: true),
            .init("conv2.bn.weight, bias, running_mean, running_var", "[O]", optional: true),
        ],
        golden: [
            "adaptively_connected", "adaptively_connected_pixel",
            "adaptively_connected_pixel_strided", "adaptively_connected_strided",
        ],
        benchmark: .kernel("adaptively_connected_conv2d", "h=28 w=28 c=64 k=64")
    ) { configuration in
        let isFixed = configuration.text("variant") == "dataset-aware"
        return BuiltLayer(
            try AdaptivelyConnectedConv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("filters"),
                form: isFixed ? .datasetAware(map: configuration.size("size")) : .pixelAware,
                stride: configuration.int("strides"),
                bias: configuration.isNull("use_bias") ? nil : configuration.bool("use_bias")))
    }
}
