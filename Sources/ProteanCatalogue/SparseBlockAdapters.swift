import Protean

/// Residual blocks that compute where a mask of their own says so.
enum SparseBlockAdapters {
    static let all = [
        dynConvBasicBlock, dynConvInvertedResidual, spatiallyAdaptiveComputationTime,
        spatiallyAdaptiveBottleneck,
    ]

    private static let downsample = ConfigurationKey.optional(
        "downsample", .null,
        "true: 1 x 1 convolution and batch norm, needed where stride is not 1 or channels change; null or false: none"
    )

    private static func downsample(_ configuration: LayerConfiguration) throws -> Bool {
        configuration.isNull("downsample") ? false : try configuration.bool("downsample")
    }

    private static let dynConvBasicBlock = LayerAdapter(
        "DynConvBasicBlock", reference: "dynconv BasicBlock with sparse=True, in inference",
        keys: [
            .required("inplanes", "input channels C"),
            .required("planes", "output channels P"),
            .optional("stride", 1, "s"), downsample,
            .optional("norm_layer", .null, "null"),
            .optional("sparse", true, "true"),
        ],
        weights: [
            .init("conv1.weight, conv2.weight", "[P, C, 3, 3], [P, P, 3, 3]"),
            .init("bn1.*, bn2.*", "[P]"),
            .init("downsample.0.weight", "[P, C, 1, 1]", optional: true),
            .init("downsample.1.*", "[P]", optional: true),
            .init("masker.maskconv.fc.*", "[1, C], [1]"),
            .init("masker.maskconv.conv.*", "[1, C, 3, 3], [1]"),
        ],
        outputs: [.init("y", "[B, P, H', W']"), .init("mask", "[B, 1, H', W']")]
    ) { configuration in
        try configuration.require("norm_layer", .null)
        try configuration.require("sparse", true)
        let layer = try DynConvBasicBlock(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            stride: configuration.positive("stride"), downsample: downsample(configuration))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.masker(x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }

    private static let dynConvInvertedResidual = LayerAdapter(
        "DynConvInvertedResidual",
        reference: "dynconv InvertedResidual of MobileNetV2 with sparse=True, in inference",
        keys: [
            .required("inp", "input channels C"),
            .required("oup", "output channels; C"),
            .optional("stride", 1, "1"),
            .required("expand_ratio", "hidden channels D over C, not 1"),
            .optional("sparse", true, "true"),
            .optional("kind", "pointwise", "the mask unit: \"pointwise\" or \"squeeze\""),
        ],
        weights: [
            .init("conv.0.weight, conv.1.*", "[D, C, 1, 1], [D]"),
            .init("conv.3.weight, conv.4.*", "[D, 1, 3, 3], [D]"),
            .init("conv.6.weight, conv.7.*", "[C, D, 1, 1], [C]"),
            .init("masker.maskconv.*", "as of DynConvMaskUnit"),
        ],
        outputs: [.init("y", "[B, C, H, W]"), .init("mask", "[B, 1, H, W]")]
    ) { configuration in
        try configuration.require("stride", 1)
        try configuration.require("sparse", true)
        let channels = try configuration.positive("inp")
        try configuration.require("oup", .number(Double(channels)))
        let layer = try DynConvInvertedResidual(
            channels: channels, expandRatio: configuration.number("expand_ratio"),
            maskUnit: configuration.choice("kind", of: DynConvMaskUnit.Kind.self))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.masker(x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }

    private static let spatiallyAdaptiveComputationTime = LayerAdapter(
        "SpatiallyAdaptiveComputationTime",
        reference: "SACT on the residual units of torchvision's ResNets, in inference",
        keys: [
            .required("inplanes", "input channels C"),
            .required("planes", "width P; E output channels, P or, for bottlenecks, 4 P"),
            .required("units", "number of residual units U"),
            .optional("unit", "bottleneck", "\"bottleneck\" or \"basic\""),
            .optional("stride", 1, "s of the first unit"), downsample,
            .optional("eps", .number(0.01), "a pixel halts at 1 - eps"),
        ],
        weights: [
            .init("unit_u.conv1.weight, unit_u.bn1.*, ...", "as of the residual unit, u = 1 ... U"),
            .init("unit_1.downsample.0.weight, .1.*", "[E, C, 1, 1], [E]", optional: true),
            .init("unit_u.halting_proba.local_bn.*", "[E], u < U"),
            .init("unit_u.halting_proba.local_conv.*", "[1, E, 3, 3], [1]"),
            .init("unit_u.halting_proba.global_bn.*", "[E]"),
            .init("unit_u.halting_proba.global_conv.weight", "[1, E, 1, 1]"),
        ],
        outputs: [
            .init("y", "[B, E, H', W']"), .init("ponder_cost", "[B, 1, H', W']"),
            .init("units", "[B, 1, H', W']: units that computed a pixel"),
        ]
    ) { configuration in
        let layer = try SpatiallyAdaptiveComputationTime(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            units: configuration.int("units"),
            unit: configuration.choice(
                "unit", of: SpatiallyAdaptiveComputationTime.Unit.self),
            stride: configuration.positive("stride"), downsample: downsample(configuration),
            epsilon: Float(configuration.number("eps")))
        return BuiltLayer(layer) { inputs in
            let result = try layer(try inputs.map("x"))
            return [
                .map("y", result.output), .map("ponder_cost", result.ponderCost),
                .map("units", result.units),
            ]
        }
    }

    private static let spatiallyAdaptiveBottleneck = LayerAdapter(
        "SpatiallyAdaptiveBottleneck",
        reference: "SpatiallyAdaptiveInference Bottleneck, in inference and without noise",
        keys: [
            .required("inplanes", "input channels C"),
            .required("planes", "width P; 4 P output channels"),
            .optional("stride", 1, "s"),
            .optional("dilation", 1, "d"), downsample,
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
        ]
    ) { configuration in
        try configuration.require("style", "pytorch")
        let layer = try SpatiallyAdaptiveBottleneck(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            stride: configuration.positive("stride"), downsample: downsample(configuration),
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
