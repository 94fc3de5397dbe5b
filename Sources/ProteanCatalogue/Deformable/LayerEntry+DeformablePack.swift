import Protean

extension LayerEntry {
    /// The entry of a convolution that predicts `numbers` values for each tap and group of
    /// displacements.
    static func deformablePack<Pack: Layer>(
        _ name: String, reference: String, papers: [Paper], bias: Bool, numbers: Int,
        golden: [String], benchmark: String,
        _ make:
            @escaping @Sendable (
                Int, Int, Size2d, Size2d, Padding2d, Size2d, Int, Int, Bool, UInt64
            ) throws(ProteanError) -> Pack
    ) -> LayerEntry {
        LayerEntry(
            name, family: .deformable, reference: reference,
            summary: .dynamic("where every tap samples, and how much each sample counts"),
            papers: papers,
            keys: ConfigurationKey.convolution + [
                .optional(
                    "deform_groups", 1, "groups dg that share displacements",
                    aliases: "offsetGroups"), .bias(bias),
            ],
            weights: TensorDescription.convolution + [
                .init("conv_offset.weight", "[\(numbers) * dg * kh * kw, C, kh, kw]"),
                .init("conv_offset.bias", "[\(numbers) * dg * kh * kw]"),
            ],
            golden: golden,
            benchmark: .generic(
                benchmark, "h=28 w=28 c=128 k=128 r=3",
                optional: ["stride", "pad", "dilation", "groups"]
            ) { sizes in
                LayerSample(try sizes.convolution, inputs: ["x": .map(try sizes.map)])
            }
        ) { configuration in
            let layer = try make(
                configuration.int("in_channels"), configuration.int("out_channels"),
                configuration.size("kernel_size"), configuration.size("stride"),
                configuration.padding("padding"), configuration.size("dilation"),
                configuration.int("groups"), configuration.int("deform_groups"),
                configuration.bool("bias"), 0)
            return BuiltLayer(layer, keyMap: .deformable)
        }
    }
}
