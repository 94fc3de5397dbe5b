import Protean

extension LayerEntry {
    static let deltaSequential = LayerEntry(
        "DeltaSequential", family: .sparse,
        reference: "torch.nn.Sequential whose steps pass on changes above a threshold (DeltaCNN)",
        summary: .dynamic("which pixels a video frame recomputes"),
        papers: ["2203.03996"],
        keys: [
            .required(
                "layers",
                "in order, {\"layer\": \"Conv2d\" or \"BatchNorm2d\", its keys} or an activation's name"
            )
        ] + ConfigurationKey.changes,
        inputs: [.frames],
        weights: [
            .init("i.weight", "[O, C/g, kh, kw]: a convolution, i = 0, 1, ...", optional: true),
            .init("i.bias", "[O]", optional: true),
            .init("i.weight, i.bias, i.running_*", "[C]: a batch norm", optional: true),
        ],
        outputs: [.frameResults],
        golden: ["delta_sequential", "delta_sequential_l1", "delta_sequential_threshold"],
        benchmark: .generic(
            "delta_sequential", "n=4 h=28 w=28 c=64 k=64 r=3",
            optional: ["stride", "pad", "dilation", "groups"]
        ) { sizes in
            LayerSample(
                [
                    "layers": [
                        .object(try sizes.convolution.merging(["layer": "Conv2d"]) { $1 }), "relu",
                    ]
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layers = try configuration.layers("layers", of: deltaParts).map(\.layer)
        let sequential = try DeltaSequential(
            layers, norm: configuration.choice("norm", of: PixelNorm.self),
            epsilon: Float(configuration.number("delta_threshold")))
        return BuiltLayer(sequential) { inputs in
            var state = DeltaState()
            let y = try inputs.map("x").eachFrame { try sequential($0, state: &state) }
            return [.map("y", y)]
        }
    }

    /// The layers of which steps are made. A step always computes directly, so a convolution has no
    /// `algorithm`.
    private static let deltaParts = [
        LayerEntry(
            "Conv2d", family: conv2d.family, reference: conv2d.reference, summary: conv2d.summary,
            keys: ConfigurationKey.convolutionWithBias, golden: conv2d.golden,
            benchmark: conv2d.benchmark
        ) { BuiltLayer(try $0.conv2d()) },
        batchNorm2d,
    ]
}
