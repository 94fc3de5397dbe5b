import Protean

extension LayerEntry {
    static let spatiallyAdaptiveComputationTime = LayerEntry(
        "SpatiallyAdaptiveComputationTime", family: .sparse,
        reference: "SACT on the residual units of torchvision's ResNets, in inference",
        summary: .dynamic("how many residual units each pixel runs"),
        papers: ["1612.02297"],
        keys: [
            .required("inplanes", "input channels C", aliases: "inputChannels"),
            .required(
                "planes", "width P; E output channels, P or, for bottlenecks, 4 P",
                aliases: "channels"),
            .required("units", "number of residual units U"),
            .optional("unit", "bottleneck", "\"bottleneck\" or \"basic\""),
            .optional("stride", 1, "s of the first unit"), .downsample,
            .optional("eps", .number(0.01), "a pixel halts at 1 - eps", aliases: "epsilon"),
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
        ],
        golden: ["sact", "sact_basic"],
        benchmark: .generic("spatially_adaptive_computation_time", "h=28 w=28 c=64 k=32") { sizes in
            LayerSample(
                [
                    "inplanes": sizes["c"], "planes": sizes["k"], "units": 3, "downsample": true,
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try SpatiallyAdaptiveComputationTime(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            units: configuration.int("units"),
            unit: configuration.choice(
                "unit", of: SpatiallyAdaptiveComputationTime.Unit.self),
            stride: configuration.positive("stride"), downsample: configuration.downsample(),
            epsilon: Float(configuration.number("eps")))
        return BuiltLayer(layer) { inputs in
            let result = try layer(try inputs.map("x"))
            return [
                .map("y", result.output), .map("ponder_cost", result.ponderCost),
                .map("units", result.units),
            ]
        }
    }
}
