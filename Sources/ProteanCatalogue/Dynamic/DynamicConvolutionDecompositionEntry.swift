import Protean

extension LayerEntry {
    static let dynamicConvolutionDecomposition = LayerEntry(
        "DynamicConvolutionDecomposition", family: .dynamic,
        reference: "liyunsheng13 dcd: DYModule, conv_basic_dy, conv_dy",
        summary: .dynamic("a scale per output channel and a product of low rank"),
        papers: ["2103.08756"],
        variants: [
            .init(
                name: DynamicConvolutionDecomposition.Variant.pointwise.rawValue,
                keys: [
                    .required("inp", "input channels C", aliases: "inputChannels", "channels"),
                    .required("oup", "output channels O", aliases: "outputChannels"),
                    .optional(
                        "fc_squeeze", 8, "pooled values over the squeezed width S",
                        aliases: "reduction"),
                ]),
            .init(
                name: DynamicConvolutionDecomposition.Variant.basic.rawValue,
                keys: resNetKeys + [.required("stride", "s")]),
            .init(
                name: DynamicConvolutionDecomposition.Variant.bottleneck.rawValue,
                keys: resNetKeys + [
                    .required("kernel_size", "side k of the kernel"), .required("stride", "s"),
                    .required("padding", "zeros on all sides"),
                ]),
        ],
        weights: [
            .init("conv.weight", "[O, C, k, k]"),
            .init("conv_q.weight, conv_p.weight", "[L, C, 1, 1], [O, L, 1, 1]; ResNets: q, p"),
            .init("fc.0.weight, fc.1.fc.0.weight", "[S, C or 4C], [S, S]"),
            .init("fc_phi.weight, fc_scale.weight", "[L * L, S], [O, S]"),
            .init("bn1.*, bn2.*", "batch norms of L"),
        ],
        golden: ["dcd", "dcd_basic", "dcd_basic_strided", "dcd_bottleneck", "dcd_growing"],
        benchmark: .generic("dynamic_convolution_decomposition", "h=28 w=28 c=32 k=192") { sizes in
            LayerSample(
                ["inp": sizes["c"], "oup": sizes["k"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let variant = try configuration.choice(
            "variant", of: DynamicConvolutionDecomposition.Variant.self)
        switch variant {
        case .pointwise:
            return BuiltLayer(
                try DynamicConvolutionDecomposition(
                    inputChannels: configuration.int("inp"),
                    outputChannels: configuration.int("oup"),
                    reduction: configuration.int("fc_squeeze")))
        case .basic:
            return BuiltLayer(
                try DynamicConvolutionDecomposition(
                    inputChannels: configuration.int("inplanes"),
                    outputChannels: configuration.int("planes"), variant: variant,
                    stride: configuration.int("stride")))
        case .bottleneck:
            return BuiltLayer(
                try DynamicConvolutionDecomposition(
                    inputChannels: configuration.int("inplanes"),
                    outputChannels: configuration.int("planes"), variant: variant,
                    kernelSize: configuration.int("kernel_size"),
                    stride: configuration.int("stride"), padding: configuration.int("padding")))
        }
    }

    private static let resNetKeys: [ConfigurationKey] = [
        .required("inplanes", "input channels C", aliases: "inputChannels", "channels"),
        .required("planes", "output channels O", aliases: "outputChannels"),
    ]
}
