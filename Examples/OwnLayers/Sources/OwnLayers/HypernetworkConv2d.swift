import Protean

/// A convolution whose weights another network computes, anew for every sample.
///
/// `y[n] = conv(x[n], W[n])` with `W[n] = reshape(A · context[n] + b)`, A linear layer being the
/// hypernetwork. Ha, Dai, Le, "HyperNetworks", arXiv 1609.09106.
///
/// Inputs `[batch, height, width, inputChannels]` and `[batch, contextSize]`. Parameters:
/// `generator.weight` and `generator.bias`.
public final class HypernetworkConv2d: Module {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let generator: Linear

    /// A layer with initial values.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d = 3, padding: Padding2d = 0,
        contextSize: Int
    ) throws(ProteanError) {
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            padding: padding, layer: "HypernetworkConv2d")
        generator = try Linear(
            inputFeatures: contextSize, outputFeatures: outputChannels * geometry.fanIn)
    }

    /// `generator`.
    public var submodules: [NamedModule] { [NamedModule("generator", generator)] }

    /// The convolution of each sample with the weights that its context gives.
    ///
    /// - Throws: `ProteanError` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, context: Tensor
    ) throws(ProteanError) -> Tensor {
        guard x.rank == 4, context.rank == 2, context.shape[0] == x.shape[0] else {
            throw .shapeMismatch(
                layer: place, tensor: "context", expected: "[\(x.shape.first ?? 0), size]",
                found: context.shape)
        }
        let flat = try generator(context)
        let filters = try flat.reshaped(to: [x.shape[0]] + geometry.weightShape)
        return try traced(
            typeName, path: label, input: x, cost: { cost(filters, $0) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(x, filtersPerSample: filters, geometry: geometry, layer: place)
        }
    }

    private func cost(_ filters: Tensor, _ y: Tensor) -> Cost {
        Cost(
            multiplyAdds: y.count * geometry.fanIn,
            bytes: (filters.count + y.count) * MemoryLayout<Float>.stride)
    }
}
