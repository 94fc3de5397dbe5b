import Protean

extension LayerEntry {
    static let deformableConv2d = LayerEntry(
        "DeformableConv2d", family: .deformable,
        reference: "torchvision.ops.DeformConv2d",
        summary: .dynamic("where every tap samples, and how much each sample counts"),
        papers: ["1703.06211", "1811.11168"],
        keys: ConfigurationKey.convolutionWithBias,
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("offset", "[B, offset groups * 2 * kh * kw, H', W'], (y, x) per tap"),
            .init("mask", "[B, offset groups * kh * kw, H', W']", optional: true),
        ],
        weights: TensorDescription.convolution,
        golden: ["deformable", "deformable_depthwise", "deformable_empty", "deformable_options"],
        benchmark: .kernel("deform_conv2d", "h=28 w=28 c=128 k=128 r=3")
    ) { configuration in
        let layer = try DeformableConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.padding("padding"), dilation: configuration.size("dilation"),
            groups: configuration.int("groups"), bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in
            let offset = try inputs.map("offset"), mask = try inputs.optionalMap("mask")
            return [.map("y", try layer(inputs.map("x"), offset: offset, mask: mask))]
        }
    }
}
