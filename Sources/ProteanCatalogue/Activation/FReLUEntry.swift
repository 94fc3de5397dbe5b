import Protean

extension LayerEntry {
    static let frelu = LayerEntry(
        "FReLU", family: .activation,
        reference: "FReLU of FunnelAct's authors, also their light form",
        summary: .fixed("the maximum of a pixel and a depthwise convolution around it"),
        papers: ["2007.11824"],
        keys: [
            .required("in_channels", "channels C", aliases: "inputChannels", "channels"),
            .optional("kernel_size", 3, "an odd number in 1...11"),
            .optional("form", "full", "full (k x k) or light (1 x k and k x 1)"),
        ],
        weights: [
            .init("conv_frelu.weight, conv_frelu.bias", "[C, 1, k, k], [C]  (full)"),
            .init("bn_frelu.*", "batch norm of C  (full)"),
            .init("conv_frelu1.weight, bn1.*", "[C, 1, 1, k]; batch norm of C  (light)"),
            .init("conv_frelu2.weight, bn2.*", "[C, 1, k, 1]; batch norm of C  (light)"),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["frelu", "frelu_kernel", "frelu_light"],
        benchmark: .generic("frelu", "h=56 w=56 c=96") { sizes in
            LayerSample(["in_channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try FReLU(
                channels: configuration.int("in_channels"),
                kernelSize: configuration.int("kernel_size"),
                form: configuration.choice("form", of: FReLU.Form.self)))
    }
}
