/// The mean of every channel over the whole map: `[batch, height, width, channels]` to
/// `[batch, channels]`.
///
/// Lin, Chen, Yan, "Network In Network" (arXiv 1312.4400). Summed in blocks that are combined in
/// double precision, in an order that does not depend on the threads.
public struct GlobalAveragePool2d: Layer {
    /// Has no options.
    public init() {}

    /// The means.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map with at least one pixel.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("GlobalAveragePool2d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.globalAveragePool(x)
        }
    }
}
