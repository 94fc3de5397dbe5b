/// The first convolution of a sparse mask module's mask and the dense channels of its block's first
/// layer as one convolution: both read every pixel of the same map, and a few more outputs cost
/// little.
struct SparseMaskEntry: Sendable {
    private let conv: FusedConv2d
    /// Numbers of output channels: the dense ones come first.
    private let dense, mask: Int

    /// With more dense channels, copying them out of the joint result takes longer than computing
    /// them separately.
    private static let mostDense = 32

    /// nil where computing the two separately is faster. Both have 3 × 3 kernels and end in a ReLU.
    init?(mask: Conv2d, dense: Conv2d?) throws(ProteanError) {
        guard let dense, dense.geometry.outputChannels <= Self.mostDense,
            dense.geometry.inputChannels == mask.geometry.inputChannels
        else { return nil }
        let count = dense.geometry.outputChannels
        let biases = [Float](repeating: 0, count: count) + (mask.bias?.value.elements ?? [])
        let both = try Conv2d(
            weight: try Operations.concatenate([dense.weight.value, mask.weight.value], axis: 0),
            bias: mask.bias == nil ? nil : try Tensor(biases, shape: [biases.count]),
            padding: mask.geometry.padding)
        both.label?.assign(mask.place)
        conv = try FusedConv2d(both, nil, .relu)
        self.dense = count
        self.mask = mask.geometry.outputChannels
    }

    /// The mask's features, averaged over 2 × 2 pixels, and the dense channels.
    func callAsFunction(_ x: Tensor) throws(ProteanError) -> (pooled: Tensor, dense: Tensor) {
        let y = try conv(x)
        let pooled = try Operations.avgPool2d(y, PoolWindow(kernelSize: 2, stride: 2))
        return (
            try Operations.channels(dense..<dense + mask, of: pooled),
            try Operations.channels(0..<dense, of: y)
        )
    }
}
