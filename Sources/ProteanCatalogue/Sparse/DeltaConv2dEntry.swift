import Protean

extension LayerEntry {
    static let deltaConv2d = LayerEntry(
        "DeltaConv2d", family: .sparse,
        reference: "torch.nn.Conv2d of the changes that passed a threshold (DeltaCNN)",
        summary: .dynamic("which pixels a video frame recomputes"),
        papers: ["2203.03996"],
        keys: ConfigurationKey.convolutionWithBias + ConfigurationKey.changes, inputs: [.frames],
        weights: TensorDescription.convolution, outputs: [.frameResults],
        golden: ["delta_conv", "delta_conv_threshold"],
        benchmark: .generic(
            "delta_conv2d", "n=4 h=28 w=28 c=64 k=64 r=3",
            optional: ["stride", "pad", "dilation", "groups"]
        ) { sizes in
            LayerSample(
                try sizes.convolution,
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try DeltaConv2d(
            configuration.conv2d(),
            norm: configuration.choice("norm", of: PixelNorm.self),
            epsilon: Float(configuration.number("delta_threshold")))
        return BuiltLayer(layer, keyMap: KeyMap { "conv." + $0 }) { inputs in
            var state = DeltaState()
            let y = try inputs.map("x").eachFrame { try layer($0, state: &state) }
            return [.map("y", y)]
        }
    }
}
