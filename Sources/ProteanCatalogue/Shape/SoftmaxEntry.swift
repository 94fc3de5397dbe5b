import Protean

extension LayerEntry {
    static let softmax = LayerEntry(
        "Softmax", family: .shape,
        reference: "torch.nn.Softmax",
        summary: .pytorchShape,
        keys: [.softmaxAxis],
        inputs: [.anyShape],
        outputs: [.sameShape],
        golden: ["softmax", "softmax_rows", "softmax_last"],
        benchmark: .kernel("softmax", "n=8 c=1000")
    ) { configuration in
        let layer = Softmax()
        return try softmaxRows(layer, layer.callAsFunction, configuration)
    }

    /// A softmax over channels or over the innermost axis, as `dim` says.
    static func softmaxRows(
        _ module: any Module, _ layer: @escaping (Tensor) throws -> Tensor,
        _ configuration: LayerConfiguration
    ) throws -> BuiltLayer {
        switch try configuration.int("dim") {
        case 1: BuiltLayer(module) { inputs in try inputs.rowsOrMap(layer) }
        case -1: BuiltLayer(module) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
        default: throw configuration.refusal("dim", "1 or -1")
        }
    }
}

extension ConfigurationKey {
    /// The axis over which a softmax adds up.
    static let softmaxAxis = ConfigurationKey.optional(
        "dim", 1,
        "1: the channels of [B, C] or [B, C, H, W]; -1: the innermost axis of any tensor")
}
