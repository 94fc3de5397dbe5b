import Protean

extension LayerEntry {
    static let globalDeformableKernelConv2d = LayerEntry(
        "GlobalDeformableKernelConv2d", family: .deformable,
        reference: "hangg7 GlobalDeformKernel2d",
        summary: .dynamic(
            "where the kernel itself is sampled, per output or per sample; or the input"),
        papers: ["1910.02940"],
        keys: ConfigurationKey.deformableKernel("input channels C", "output channels O") + [
            .optional("groups", 1, "groups g of channels"),
            .optional("bias", false, "false: there is none"),
        ],
        weights: [
            .init("weight", "[O, C/g, sh, sw]"), .init("fc.weight", "[2 * k * k, C]"),
            .init("fc.bias", "[2 * k * k]"),
        ],
        golden: [
            "global_deformable_kernel", "global_deformable_kernel_depthwise",
            "global_deformable_kernel_options",
        ],
        benchmark: .kernel("global_deformable_kernel", "h=28 w=28 c=64 k=64 r=3 scope=4")
    ) { configuration in
        try configuration.require("bias", false)
        return BuiltLayer(
            try GlobalDeformableKernelConv2d(
                inputChannels: configuration.int("in_planes"),
                outputChannels: configuration.int("out_planes"),
                scope: configuration.size("weight_shape"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("padding"), dilation: configuration.int("dilation"),
                groups: configuration.int("groups")))
    }
}
