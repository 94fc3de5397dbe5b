import Protean

extension LayerEntry {
    static let logSoftmax = LayerEntry(
        "LogSoftmax", family: .shape,
        reference: "torch.nn.LogSoftmax",
        summary: .pytorchShape,
        keys: [.softmaxAxis],
        inputs: [.anyShape],
        outputs: [.sameShape],
        golden: ["log_softmax", "log_softmax_rows", "log_softmax_last"],
        benchmark: .generic("log_softmax", "h=14 w=14 c=1000") { sizes in
            LayerSample(["dim": 1], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = LogSoftmax()
        return try softmaxRows(layer, layer.callAsFunction, configuration)
    }
}
