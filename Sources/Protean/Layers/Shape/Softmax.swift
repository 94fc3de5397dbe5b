/// exp(x) / Σ exp(x) over the innermost axis: the channels of an NHWC map (`dim=1` of PyTorch's
/// NCHW), the classes of logits.
///
/// Any shape in, the same out. The row's maximum is subtracted first, so no value overflows.
public struct Softmax: Layer {
    /// Has no options.
    public init() {}

    /// Shares that add up to 1 in every row.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("Softmax", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.softmax(x)
        }
    }
}
