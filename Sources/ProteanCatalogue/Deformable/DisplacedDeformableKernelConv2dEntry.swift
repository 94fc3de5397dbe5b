import Protean

extension LayerEntry {
    static let displacedDeformableKernelConv2d = LayerEntry(
        "DisplacedDeformableKernelConv2d", family: .deformable,
        reference: "hangg7 DeformKernelConv2d",
        summary: .dynamic(
            "where the kernel itself is sampled, per output or per sample; or the input"),
        papers: ["1910.02940"],
        keys: ConfigurationKey.depthwiseDeformableKernel,
        weights: [
            .init("offset_conv.weight", "[2 * k * k, C, k, k]"),
            .init("offset_conv.bias", "[2 * k * k]"),
            .init("inner_conv.weight", "[C, 1, sh, sw]"),
        ],
        outputs: [.init("y", "[B, C, H', W']")],
        golden: ["displaced_deformable_kernel", "displaced_deformable_kernel_options"],
        benchmark: .kernel("displaced_deformable_kernel", "h=28 w=28 c=128 r=3 scope=4")
    ) { configuration in
        let channels = try configuration.depthwiseChannels()
        return BuiltLayer(
            try DisplacedDeformableKernelConv2d(
                channels: channels, scope: configuration.size("weight_shape"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("padding"), dilation: configuration.int("dilation")))
    }
}
