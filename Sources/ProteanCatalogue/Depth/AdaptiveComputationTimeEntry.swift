import Protean

extension LayerEntry {
    static let adaptiveComputationTime = LayerEntry(
        "AdaptiveComputationTime", family: .depth,
        reference: "ACT on the residual units of torchvision's ResNets, in inference",
        summary: .dynamic("how many residual units a sample runs"),
        papers: ["1603.08983", "1612.02297"],
        keys: [
            .required("inplanes", "input channels C", aliases: "inputChannels"),
            .required(
                "planes", "width P; E output channels, P or, for bottlenecks, 4 P",
                aliases: "channels", "width"),
            .required("units", "number of residual units U"),
            .optional("unit", "bottleneck", "\"bottleneck\" or \"basic\""),
            .optional("stride", 1, "s of the first unit"), .downsample,
            .optional("eps", .number(0.01), "a row halts at 1 - eps", aliases: "epsilon"),
        ],
        weights: [
            .init("unit_u.conv1.weight, unit_u.bn1.*, ...", "as of the residual unit, u = 1 ... U"),
            .init("unit_1.downsample.0.weight, .1.*", "[E, C, 1, 1], [E]", optional: true),
            .init("unit_u.halting_proba.bn.*", "[E], u < U"),
            .init("unit_u.halting_proba.conv.*", "[1, E, 1, 1], [1]"),
        ],
        outputs: [
            .init("y", "[B, E, H', W']"), .init("ponder_cost", "[B]"),
            .init("units", "[B]: units that computed a row"),
        ],
        golden: ["adaptive_computation_time", "adaptive_computation_time_basic"],
        benchmark: .generic("adaptive_computation_time", "h=28 w=28 c=64 k=32") { sizes in
            LayerSample(
                [
                    "inplanes": sizes["c"], "planes": sizes["k"], "units": 3, "downsample": true,
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try AdaptiveComputationTime(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            units: configuration.int("units"),
            unit: configuration.choice("unit", of: SkipBlock.Form.self),
            stride: configuration.positive("stride"), downsample: configuration.downsample(),
            epsilon: Float(configuration.number("eps")))
        return BuiltLayer(layer) { inputs in
            let result = try layer.halting(try inputs.map("x"))
            let rows = [result.units.count]
            return [
                .map("y", result.output),
                .plain("ponder_cost", try Tensor(result.ponderCost, shape: rows)),
                .plain("units", try Tensor(result.units.map(Float.init), shape: rows)),
            ]
        }
    }
}
