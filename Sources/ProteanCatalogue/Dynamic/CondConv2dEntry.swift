import Protean

extension LayerEntry {
    static let condConv2d = LayerEntry(
        "CondConv2d", family: .dynamic,
        reference: "timm CondConv2d",
        summary: .dynamic("the kernel: a weighted sum of experts per sample"),
        papers: ["1904.04971"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .optional("kernel_size", 3, "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional(
                "padding", "",
                "p, [ph, pw], \"\" (symmetric), \"same\" (as TensorFlow) or \"valid\""),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups g of channels"),
            .optional("bias", false, "whether there is a bias"),
            .optional("num_experts", 4, "experts E", aliases: "experts"),
            .optional(
                "routing", "given",
                "\"given\": input routing_weights; \"sigmoid\": sigmoid(routing_fn(mean of x))"),
            .optional("algorithm", "auto", "auto, direct, winograd, winograd4x4 or winograd6x6"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("routing_weights", "[B, E]", optional: true),
        ],
        weights: [
            .init("weight", "[E, O * C/g * kh * kw]"), .init("bias", "[E, O]", optional: true),
            .init("routing_fn.weight", "[E, C]", optional: true),
            .init("routing_fn.bias", "[E]", optional: true),
        ],
        golden: ["condconv", "condconv_depthwise", "condconv_options", "condconv_routed"],
        benchmark: .kernel("condconv2d", "h=28 w=28 c=128 k=128 r=3 experts=4"),
        parts: ["CondConvRouting", "RoutedCondConv2d"]
    ) { configuration in
        let (channels, experts) = try (
            configuration.int("in_channels"), configuration.int("num_experts")
        )
        let kernelSize = try configuration.size("kernel_size")
        let stride = try configuration.size("stride")
        let dilation = try configuration.size("dilation")
        let padding =
            configuration.text("padding") == ""
            ? symmetricPadding(kernelSize, stride, dilation) : try configuration.padding("padding")
        let layer = try CondConv2d(
            inputChannels: channels, outputChannels: configuration.int("out_channels"),
            kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation,
            groups: configuration.int("groups"), bias: configuration.bool("bias"),
            experts: experts,
            algorithm: configuration.choice("algorithm", of: Conv2dAlgorithm.self))
        guard try configuration.choice("routing", ["given", "sigmoid"]) == "sigmoid" else {
            return BuiltLayer(layer) { inputs in
                let routing = try inputs.plain("routing_weights")
                return [.map("y", try layer(inputs.map("x"), routing: routing))]
            }
        }
        return BuiltLayer(try RoutedCondConv2d(layer))
    }

    /// timm's default: `((stride - 1) + dilation * (kernel - 1)) / 2` on both sides.
    private static func symmetricPadding(
        _ kernel: Size2d, _ stride: Size2d, _ dilation: Size2d
    ) -> Padding2d {
        // For sizes that overflow here, the layer itself throws.
        func padding(_ kernel: Int, _ stride: Int, _ dilation: Int) -> Int {
            ((stride &- 1) &+ dilation &* (kernel &- 1)) / 2
        }
        return .symmetric(
            height: padding(kernel.height, stride.height, dilation.height),
            width: padding(kernel.width, stride.width, dilation.width))
    }
}
