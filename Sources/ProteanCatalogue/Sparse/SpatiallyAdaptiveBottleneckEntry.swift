import Protean

extension LayerEntry {
    static let spatiallyAdaptiveBottleneck = LayerEntry(
        "SpatiallyAdaptiveBottleneck", family: .sparse,
        reference: "SpatiallyAdaptiveInference Bottleneck, in inference and without noise",
        summary: .dynamic(
            "which outputs are computed; the others are copied, zero or interpolated"),
        papers: ["2003.08866"],
        keys: [
            .required("inplanes", "input channels C", aliases: "inputChannels"),
            .required("planes", "width P; 4 P output channels", aliases: "channels"),
            .optional("stride", 1, "s"),
            .optional("dilation", 1, "d"), .downsample,
            .optional("style", "pytorch", "\"pytorch\": the 3 x 3 convolution strides"),
            .optional("gaussian_kernel", 7, "size of the neighbourhood, odd, at most 255"),
            .optional(
                "grid_prior_interval", 11, "distance of the lattice's rows and columns, at least 1"),
        ],
        weights: [
            .init("conv1.weight, conv2.weight", "[P, C, 1, 1], [P, P, 3, 3]"),
            .init("conv3.weight", "[4 P, P, 1, 1]"),
            .init("bn1.*, bn2.*, bn3.*", "[P], [P], [4 P]: as of BatchNorm2d"),
            .init("downsample.0.weight, downsample.1.*", "[4 P, C, 1, 1], [4 P]", optional: true),
            .init("conv1_mask.*, conv2_mask.*", "[1, C, 3, 3], [1]"),
            .init("conv1_sigma, conv2_sigma", "[]"),
            .init("conv1_gumbel.cur_T, conv2_gumbel.cur_T", "[]: not read"),
        ],
        outputs: [
            .init("y", "[B, 4 P, H', W']"), .init("conv1_mask", "[B, 1, H, W]"),
            .init("conv2_mask", "[B, 1, H', W']"),
        ],
        golden: ["adaptive_bottleneck", "adaptive_bottleneck_strided"],
        benchmark: .generic("spatially_adaptive_bottleneck", "h=28 w=28 c=64 k=32") { sizes in
            LayerSample(
                ["inplanes": sizes["c"], "planes": sizes["k"], "downsample": true],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        try configuration.require("style", "pytorch")
        let layer = try SpatiallyAdaptiveBottleneck(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            stride: configuration.positive("stride"), downsample: configuration.downsample(),
            dilation: configuration.positive("dilation"),
            gaussianKernel: configuration.int("gaussian_kernel"),
            gridPriorInterval: configuration.int("grid_prior_interval"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let masks = try layer.sampledPixels(of: x)
            return [
                .map("y", try layer(x)), .map("conv1_mask", try masks.conv1.mask()),
                .map("conv2_mask", try masks.conv2.mask()),
            ]
        }
    }
}
