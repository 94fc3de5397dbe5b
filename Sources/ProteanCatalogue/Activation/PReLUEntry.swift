import Protean

extension LayerEntry {
    static let prelu = LayerEntry(
        "PReLU", family: .activation,
        reference: "torch.nn.PReLU",
        summary: .elementwise,
        papers: ["1502.01852"],
        keys: [
            .optional("num_parameters", 1, "slopes: 1 or the channels C", aliases: "channels"),
            .optional("init", .number(0.25), "the slopes' initial value"),
        ],
        inputs: [.rowsOrMap],
        weights: [.init("weight", "[num_parameters]")],
        outputs: [.init("y", "as x")],
        golden: ["prelu", "prelu_channels", "prelu_rows"],
        benchmark: .generic("prelu", "h=56 w=56 c=96") { sizes in
            LayerSample(
                ["num_parameters": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try PReLU(
            channels: configuration.int("num_parameters"),
            initialValue: Float(configuration.number("init")))
        return BuiltLayer(layer) { inputs in try inputs.rowsOrMap(layer.callAsFunction) }
    }
}
