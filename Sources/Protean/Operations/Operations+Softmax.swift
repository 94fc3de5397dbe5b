import CProteanKernels

extension Operations {
    /// exp(x) / Σ exp(x) over the last axis: the channels of a map, the classes of logits.
    ///
    /// The row's maximum is subtracted first, so no value overflows. A row with NaN or +∞ becomes
    /// NaN. Cost: three passes over a row that stays in cache.
    /// - Throws: ``ProteanError`` when memory is short.
    public static func softmax(_ x: Tensor) throws(ProteanError) -> Tensor {
        try softmax(x, logarithm: false, layer: "softmax")
    }

    /// The logarithm of ``softmax(_:)``, without forming it: x − max − log Σ exp(x − max).
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func logSoftmax(_ x: Tensor) throws(ProteanError) -> Tensor {
        try softmax(x, logarithm: true, layer: "logSoftmax")
    }

    private static func softmax(
        _ x: Tensor, logarithm: Bool, layer: String
    ) throws(ProteanError) -> Tensor {
        let channels = x.shape.last ?? 1
        return try filling(x.shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_softmax(
                runtime, logarithm, channels == 0 ? 0 : x.count / channels, channels, inputs[0], y)
        }
    }
}
