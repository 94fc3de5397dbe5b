import Protean

extension LayerEntry {
    static let regionAwareConv2d = LayerEntry(
        "RegionAwareConv2d", family: .dynamic,
        reference: "megvii-research DRConv; shallowtoil DRConv2d",
        summary: .dynamic("the kernel: one per region of the map"),
        papers: ["2003.12243"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .optional("dilation", 1, "d or [dh, dw]"),
        ],
        variants: [
            .init(
                name: "official",
                keys: [
                    .optional("groups", 1, "1: the reference ignores it"),
                    .bias(true),
                    .optional("groups_num", 8, "regions R", aliases: "regions"),
                    .optional("num_W", 8, "kernels in the bank", aliases: "sets"),
                    .optional("masknet", false, "whether the guide is masknet(x), not an input"),
                ]),
            .init(
                name: "shallowtoil",
                keys: [.optional("region_num", 8, "regions R", aliases: "regions")]),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init(
                "guide", "[B, 1, h, w] region numbers or [B, R, h, w] logits; official",
                optional: true),
        ],
        weights: [
            .init(
                "weight", "[O * C * kh * kw, num_W] (official, as the next four)", optional: true),
            .init("bias", "[O]", optional: true),
            .init("routing_fc.weight", "[R * num_W, C]", optional: true),
            .init("routing_fc.bias", "[R * num_W]", optional: true),
            .init("masknet.weight", "[R, C, 1, 1]", optional: true),
            .init("conv_kernel.1.weight", "[R * R, C, 1, 1] (shallowtoil)", optional: true),
            .init("conv_kernel.3.weight", "[R * O * C, R, 1, 1]", optional: true),
            .init("conv_guide.weight", "[R, C, kh, kw]", optional: true),
            .init("conv_kernel.1.bias, conv_kernel.3.bias, conv_guide.bias", "", optional: true),
        ],
        golden: [
            "region_aware", "region_aware_generated", "region_aware_logits", "region_aware_masknet",
            "region_aware_pointwise",
        ],
        benchmark: .generic(
            "region_conv2d", "h=28 w=28 c=64 k=64 r=3 regions=8",
            optional: ["stride", "pad", "dilation", "experts", "pattern"]
        ) { sizes in
            var keys = try sizes.convolution
            let taps = try sizes.int("r"),
                reach = (taps - 1) * (try sizes.int("dilation", default: 1))
            let pad = try sizes.int("pad", default: reach / 2)
            let stride = max(1, try sizes.int("stride", default: 1))
            keys["groups_num"] = sizes["regions"]
            keys["num_W"] = sizes["experts", default: 8]
            let map = try sizes.map
            let height = (map[1] + 2 * pad - reach - 1) / stride + 1
            let width = (map[2] + 2 * pad - reach - 1) / stride + 1
            let isRandom = sizes["pattern", default: "cells8"] == "pixels"
            let guide = LayerSample.Input.regions(
                [map[0], max(height, 1), max(width, 1), 1], below: try sizes.int("regions"),
                cell: isRandom ? 1 : 8)
            return LayerSample(keys, inputs: ["x": .map(map), "guide": guide])
        }
    ) { configuration in
        let isOfficial = configuration.text("variant") == "official"
        if isOfficial { try configuration.require("groups", 1) }
        let layer = try RegionAwareConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.padding("padding"), dilation: configuration.size("dilation"),
            regions: configuration.int(isOfficial ? "groups_num" : "region_num"),
            sets: isOfficial ? configuration.int("num_W") : 1,
            bias: isOfficial && configuration.bool("bias"),
            masknet: isOfficial && configuration.bool("masknet"),
            variant: isOfficial ? .official : .generated)
        return BuiltLayer(layer) { inputs in
            // The layer refuses a missing guide; a superfluous one would not be used.
            let guide = layer.requiredInputs == 0 ? nil : try inputs.map("guide")
            return [.map("y", try layer(inputs.map("x"), guide: guide))]
        }
    }
}
