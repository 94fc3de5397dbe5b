import Protean

/// The network of `train.py`: two convolutions of 5 × 5 with ReLU, the second with stride 2, means
/// of the four quadrants, a linear layer.
///
/// Input `[batch, 24, 24, 1]`, output `[batch, 4]`: logits of the quadrants.
public final class OrientationNetwork: Layer {
    private let first, second: any Layer
    private let features: Sequential
    private let classifier: Linear

    /// A network with initial values.
    ///
    /// - Parameters:
    ///   - width: channels of both convolutions.
    ///   - isDynamic: whether the convolutions mix their weights from four experts for each image.
    public init(width: Int, isDynamic: Bool) throws(ProteanError) {
        func convolution(_ inputs: Int, stride: Int) throws(ProteanError) -> any Layer {
            guard isDynamic else {
                return try Conv2d(
                    inputChannels: inputs, outputChannels: width, kernelSize: 5,
                    stride: Size2d(stride), padding: 2)
            }
            return try DynamicConv2d(
                inputChannels: inputs, outputChannels: width, kernelSize: 5,
                stride: Size2d(stride), padding: 2)
        }
        first = try convolution(1, stride: 1)
        second = try convolution(width, stride: 2)
        // Each convolution and its ReLU run as one kernel.
        features = try Sequential([
            first, ReLU(), second, ReLU(), try AdaptiveAvgPool2d(outputSize: 2),
        ])
        classifier = try Linear(inputFeatures: 4 * width, outputFeatures: 4)
    }

    /// The network with the weights of a file that `train.py` has written.
    public convenience init(trained weights: Checkpoint) throws(ProteanError) {
        let isDynamic = weights["conv1.attention.fc1.weight"] != nil
        let bias = try weights.tensor("conv1.bias")
        try self.init(width: bias.shape.last ?? 0, isDynamic: isDynamic)
        try load(weights)
    }

    /// `conv1`, `conv2`, `linear`.
    public var submodules: [NamedModule] {
        [
            NamedModule("conv1", first), NamedModule("conv2", second),
            NamedModule("linear", classifier),
        ]
    }

    /// The quadrants' logits.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        // PyTorch flattens channel by channel.
        let y = try features(x).permuted([0, 3, 1, 2])
        return try classifier(y.reshaped(to: [y.shape[0], y.count / max(y.shape[0], 1)]))
    }
}
