import Protean

extension LayerEntry {
    static let softmax = LayerEntry(
        "Softmax", family: .shape,
        reference: "torch.nn.Softmax",
        summary: .pytorchShape,
        keys: [
            .optional(
                "dim", 1,
                "1: the channels of [B, C] or [B, C, H, W]; -1: the innermost axis of any tensor")
        ],
        inputs: [.anyShape],
        outputs: [.sameShape],
        golden: ["softmax", "softmax_rows", "softmax_last"],
        benchmark: .kernel("softmax", "n=8 c=1000")
    ) { configuration in
        let layer = Softmax()
        switch try configuration.int("dim") {
        case 1:
            return BuiltLayer(layer) { inputs in try inputs.rowsOrMap(layer.callAsFunction) }
        case -1:
            return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
        default:
            throw configuration.refusal("dim", "1 or -1")
        }
    }
}
