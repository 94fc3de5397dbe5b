import CProteanKernels

/// The part of a convolution that a call computes: some rows of a batch, and the first channels of
/// the layer.
struct Conv2dPart: Sendable {
    /// The rows of the input that are read; nil for all.
    var inputRows: RowPlan?
    /// The rows of the result that are written; nil for all.
    var outputRows: RowPlan?
    /// Number of input channels that the input has; nil for all of the layer's.
    var inputChannels: Int?
    /// Number of output channels that are computed; nil for all.
    var outputChannels: Int?

    /// The rows of an input `[batch, …]` that are read, counted.
    func batch(of input: [Int], layer: String) throws(ProteanError) -> Int {
        let batch = input.first ?? 0
        try inputRows?.check(batch: batch, layer: layer)
        return inputRows?.count ?? batch
    }

    /// Throws unless `count` rows are written to a result of `batch` rows.
    func check(result batch: Int, count: Int, layer: String) throws(ProteanError) {
        try outputRows?.check(batch: batch, layer: layer)
        guard outputRows?.count ?? batch == count else {
            throw .invalidOption(
                layer: layer, option: "outputRows",
                expected: "as many rows as are read, \(count)",
                found: "\(outputRows?.count ?? batch)")
        }
    }

    /// The row of the input that sample `sample` of the call reads.
    func inputRow(_ sample: Int) -> Int { inputRows?.rows[sample] ?? sample }
    /// The row of the result that sample `sample` of the call writes.
    func outputRow(_ sample: Int) -> Int { outputRows?.rows[sample] ?? sample }

    /// Whether channels are left out.
    var isNarrower: Bool { inputChannels != nil || outputChannels != nil }

    /// The kernel's view, valid within `body`.
    func withKernelValue<R>(_ body: (UnsafePointer<ptn_conv2d_part>) -> R) -> R {
        withRows(inputRows) { inputs in
            withRows(outputRows) { outputs in
                var part = ptn_conv2d_part()
                part.input_samples = inputs
                part.inputs = inputRows?.batch ?? 0
                part.output_samples = outputs
                part.outputs = outputRows?.batch ?? 0
                part.in_channels = inputChannels ?? 0
                part.out_channels = outputChannels ?? 0
                return body(&part)
            }
        }
    }

    private func withRows<R>(_ plan: RowPlan?, _ body: (UnsafePointer<Int>?) -> R) -> R {
        guard let plan, !plan.isComplete else { return body(nil) }
        return plan.rows.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
