import Protean

extension LayerEntry {
    static let slicedConv2d = LayerEntry(
        "SlicedConv2d", family: .width,
        reference: "torch.nn.functional.conv2d on the first channels of a weight",
        summary: .dynamic("how many channels a call computes"),
        papers: ["1812.08928", "2103.13258"],
        keys: ConfigurationKey.paddedConvolution + [
            .required("channels", "output channels that are computed, from the first on")
        ],
        inputs: [.init("x", "[B, C, H, W]")],
        weights: TensorDescription.convolution,
        golden: ["sliced_conv2d", "sliced_conv2d_depthwise", "sliced_conv2d_options"],
        benchmark: .generic("sliced_conv2d", "h=28 w=28 c=64 k=128 r=3") { sizes in
            LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                    "padding": .number(Double((try sizes.int("r") - 1) / 2)),
                    "channels": .number(Double(try sizes.int("k") / 2)),
                ], inputs: ["x": .map(try sizes.map)])
        },
        parts: ["SlicedLinear", "SlimmableConv2d", "SlimmableNorm2d"]
    ) { configuration in
        try configuration.require("padding_mode", "zeros")
        let stride = try configuration.size("stride")
        let padding = try configuration.padding("padding")
        if padding == .same, stride != 1 {
            throw configuration.refusal("padding", "numbers or \"valid\" for a stride other than 1")
        }
        let layer = try SlicedConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: stride, padding: padding,
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"))
        let count = try configuration.int("channels"), all = layer.geometry.outputChannels
        guard (1...all).contains(count) else {
            throw configuration.refusal("channels", "1...\(all)")
        }
        return BuiltLayer(FirstChannels(of: layer, count: count))
    }
}

/// A layer that always computes the first `count` output channels of another.
private final class FirstChannels: Layer {
    let layer: SlicedConv2d
    let count: Int

    init(of layer: SlicedConv2d, count: Int) { (self.layer, self.count) = (layer, count) }

    var parameters: [NamedParameter] { layer.parameters }
    var submodules: [NamedModule] { layer.submodules }
    var label: Label? { layer.label }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try layer(x, outputChannels: count)
    }
}
