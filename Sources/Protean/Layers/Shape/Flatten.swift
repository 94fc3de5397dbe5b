/// A map as one vector per sample, in PyTorch's order: `[n, h, w, c]` to `[n, c · h · w]`.
///
/// The channel is outermost in the vector, so that weights of a linear layer trained on NCHW maps
/// fit. Costs nothing for maps of one pixel or one channel. Tensors with another number of axes
/// keep their order. Only `start_dim = 1`, `end_dim = -1`.
public struct Flatten: Layer {
    /// Keeps the first axis.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless
    ///   `startDimension` is 1.
    public init(startDimension: Int = 1) throws(ProteanError) {
        guard startDimension == 1 else {
            throw .invalidOption(
                layer: "Flatten", option: "startDimension", expected: "1",
                found: "\(startDimension)")
        }
    }

    /// The vectors.
    ///
    /// - Throws: ``ProteanError`` for a tensor without axes.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("Flatten", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.flatten(x)
        }
    }
}
