import Protean

extension LayerEntry {
    static let involution2d = LayerEntry(
        "Involution2d", family: .dynamic,
        reference: "d-li14 involution",
        summary: .dynamic("the kernel: per pixel, shared by a group's channels"),
        papers: ["2103.06255"],
        keys: [
            .required("channels", "channels C"),
            .required("kernel_size", "odd k"),
            .required("stride", "s; divides height and width"),
            .optional("reduction_ratio", 4, "C over channels R between the two convolutions", aliases: "reduction"),
            .optional("group_channels", 16, "channels that share a kernel; G = C / group_channels"),
        ],
        weights: [
            .init("conv1.conv.weight", "[R, C, 1, 1]"),
            .init("conv1.bn.weight, bias, running_mean, running_var", "[R]"),
            .init("conv2.conv.weight", "[k * k * G, R, 1, 1]"),
            .init("conv2.conv.bias", "[k * k * G]"),
        ],
        outputs: [.init("y", "[B, C, H / s, W / s]")],
        golden: ["involution", "involution_one_group", "involution_strided"],
        benchmark: .generic("involution", "h=14 w=14 c=256 r=7", optional: ["stride"]) { sizes in
            LayerSample(
                [
                    "channels": sizes["c"], "kernel_size": sizes["r"],
                    "stride": sizes["stride", default: 1],
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try Involution2d(
                channels: configuration.int("channels"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                reduction: configuration.int("reduction_ratio"),
                groupChannels: configuration.int("group_channels")))
    }
}
