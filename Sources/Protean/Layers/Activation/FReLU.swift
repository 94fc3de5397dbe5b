/// Funnel activation: the maximum of a pixel and a depthwise convolution around it.
///
/// `y = max(x, norm(conv(x)))` with one k × k kernel per channel; in the light form
/// `y = max(x, norm₁(conv_1×k(x)) + norm₂(conv_k×1(x)))`. Ma, Zhang, Sun, "Funnel Activation for
/// Visual Recognition", ECCV 2020 (arXiv 2007.11824).
///
/// Input and output `[batch, height, width, channels]`, zeros beyond the edges. Parameters:
/// `conv_frelu.weight` `[channels, 1, k, k]`, `conv_frelu.bias` and `bn_frelu.*`; in the light form
/// `conv_frelu1.weight` `[channels, 1, 1, k]`, `conv_frelu2.weight` `[channels, 1, k, 1]` and
/// `bn1.*`, `bn2.*`. The norms are folded into the convolutions, and the maximum is taken while the
/// sums are in registers. Cost: k² (light: 2 k − 1) multiply-adds per element, one read and one
/// write of the map.
public final class FReLU: Layer {
    /// The convolutions of the funnel.
    public enum Form: String, Sendable, CaseIterable {
        /// One k × k convolution with a bias.
        case full
        /// A 1 × k and a k × 1 convolution without biases, each with a norm.
        case light
    }

    /// Channels of the map.
    public let channels: Int
    /// Height and width of the kernel.
    public let kernelSize: Int
    /// The convolutions of the funnel.
    public let form: Form
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let convs: [Conv2d]
    private let norms: [BatchNorm2d]
    private let taps: [Operations.FunnelTap]
    private let derived = Derived<Int, BatchNorm2d.Affine>()

    /// A layer with seeded kernels.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - kernelSize: an odd number in 1...11.
    ///   - form: the convolutions of the funnel.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, kernelSize: Int = 3, form: Form = .full, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "FReLU")
        guard (1...11).contains(kernelSize), kernelSize % 2 == 1 else {
            throw .invalidOption(
                layer: "FReLU", option: "kernelSize", expected: "an odd number in 1...11",
                found: "\(kernelSize)")
        }
        self.channels = channels
        self.kernelSize = kernelSize
        self.form = form
        let row = Size2d(height: 1, width: kernelSize),
            column = Size2d(height: kernelSize, width: 1)
        let sizes = form == .full ? [Size2d(kernelSize)] : [row, column]
        var convs: [Conv2d] = [], norms: [BatchNorm2d] = []
        for (index, size) in sizes.enumerated() {
            convs.append(
                try Conv2d(
                    inputChannels: channels, outputChannels: channels, kernelSize: size,
                    padding: .symmetric(height: size.height / 2, width: size.width / 2),
                    groups: channels, bias: form == .full, seed: seed &+ UInt64(index)))
            norms.append(try BatchNorm2d(channels: channels))
        }
        self.convs = convs
        self.norms = norms
        taps = Self.taps(kernelSize, form)
    }

    /// All positions of a k × k kernel, or those in its middle row and column.
    private static func taps(_ kernelSize: Int, _ form: Form) -> [Operations.FunnelTap] {
        let reach = -(kernelSize / 2)...(kernelSize / 2)
        return reach.flatMap { row in
            reach.compactMap { column in
                form == .full || row == 0 || column == 0
                    ? Operations.FunnelTap(row: row, column: column) : nil
            }
        }
    }

    /// Convolutions and norms.
    public var submodules: [NamedModule] {
        form == .full
            ? [NamedModule("conv_frelu", convs[0]), NamedModule("bn_frelu", norms[0])]
            : [
                NamedModule("conv_frelu1", convs[0]), NamedModule("bn1", norms[0]),
                NamedModule("conv_frelu2", convs[1]), NamedModule("bn2", norms[1]),
            ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    private var version: Int {
        convs.reduce(0) { $0 + $1.weight.version + ($1.bias?.version ?? 0) }
            + norms.reduce(0) { $0 + $1.version }
    }

    /// The kernels with their norms folded in, as rows of channels per tap, `[taps, channels]`, and
    /// the bias, `[channels]`.
    private func folded() throws(ProteanError) -> BatchNorm2d.Affine {
        try derived.value(for: version) { () throws(ProteanError) in
            var weights = [Double](repeating: 0, count: taps.count * channels)
            var bias = [Double](repeating: 0, count: channels)
            for (conv, norm) in zip(convs, norms) {
                let affine = try norm.scaleAndShift()
                let scale = affine.scale.elements, shift = affine.shift.elements
                let own = conv.bias?.value.elements, kernel = conv.weight.value.elements
                let size = conv.weight.shape, perChannel = size[2] * size[3]
                for (t, tap) in taps.enumerated() {
                    let i = tap.row + size[2] / 2, j = tap.column + size[3] / 2
                    guard (0..<size[2]).contains(i), (0..<size[3]).contains(j) else { continue }
                    for c in 0..<channels {
                        let value = kernel[c * perChannel + i * size[3] + j]
                        weights[t * channels + c] += Double(value) * Double(scale[c])
                    }
                }
                for c in 0..<channels {
                    bias[c] += Double(own?[c] ?? 0) * Double(scale[c]) + Double(shift[c])
                }
            }
            return (
                try Tensor(weights.map { Float($0) }, shape: [taps.count, channels]),
                try Tensor(bias.map { Float($0) }, shape: [channels])
            )
        }
    }

    /// The activated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        return try traced(
            "FReLU", path: label, input: x,
            cost: {
                var cost = Cost.moving(
                    x, $0, parameters: parameterCount, buffers: bufferCount)
                cost.multiplyAdds = taps.count * $0.count
                cost.executedMultiplyAdds = cost.multiplyAdds
                return cost
            }
        ) { () throws(ProteanError) in
            let kernel = try folded()
            return try Operations.funnel(
                x, taps: taps, weights: kernel.scale, bias: kernel.shift)
        }
    }
}
