import Protean

/// A convolution whose filters have mean 0 and variance 1. Qiao et al., arXiv 1903.10520.
public final class WeightStandardizedConv2d: Layer {
    /// `[out, in, height, width]`, PyTorch's order.
    public let weight: Parameter
    /// `[out]`.
    public let bias: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let stride: Size2d
    private let padding: Padding2d
    /// Made on the first call, and again after a parameter has changed.
    private let standardized = Derived<Int, Conv2d>()

    /// A convolution with PyTorch's initial values.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0
    ) throws(ProteanError) {
        // Checks the options and has PyTorch's initial values.
        let plain = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, bias: false)
        weight = Parameter(plain.weight.value)
        bias = Parameter(try Tensor(zeros: [outputChannels]))
        self.stride = stride
        self.padding = padding
    }

    /// `weight` and `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight), NamedParameter("bias", bias)]
    }

    /// Those of the weights.
    public var channelFlow: ChannelFlow {
        .fixed(input: weight.shape[1], output: weight.shape[0])
    }

    /// The convolution inside is traced by itself, so this layer is not.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let version = weight.version + bias.version
        let conv = try standardized.value(for: version) { () throws(ProteanError) in
            let conv = try Conv2d(
                weight: filters(), bias: bias.value, stride: stride, padding: padding)
            conv.assignLabels(prefix: place)
            return conv
        }
        return try conv(x)
    }

    private func filters() throws(ProteanError) -> Tensor {
        var filters = weight.value
        let size = filters.count / max(1, filters.shape[0])
        try filters.withUnsafeMutableBufferPointer { elements in
            for start in Swift.stride(from: 0, to: elements.count, by: max(1, size)) {
                let filter = start..<start + size
                let mean = elements[filter].reduce(0, +) / Float(size)
                let variance = elements[filter].reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                let factor = 1 / (variance / Float(size) + 1e-6).squareRoot()
                for i in filter { elements[i] = (elements[i] - mean) * factor }
            }
        }
        return filters
    }
}
