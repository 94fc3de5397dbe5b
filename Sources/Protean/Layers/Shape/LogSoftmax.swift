/// x − log Σ exp(x) over the innermost axis: the channels of an NHWC map (`dim=1` of PyTorch's
/// NCHW), the classes of logits.
///
/// Any shape in, the same out. The row's maximum is subtracted first, so no value overflows, and the shares
/// themselves are not formed, so that the logarithm of a tiny one keeps its accuracy.
public struct LogSoftmax: Layer {
    /// Has no options.
    public init() {}

    /// Logarithms of shares that add up to 1 in every row.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("LogSoftmax", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.logSoftmax(x)
        }
    }
}
