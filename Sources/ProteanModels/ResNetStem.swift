import Protean

/// The first convolution of a ResNet, or three, with batch norm and ReLU.
struct ResNetStem: Sendable {
    /// `conv1` and `bn1`.
    let parts: [NamedModule]
    private let convolutions: [FusedConv2d]

    /// A 7 × 7 convolution.
    init(_ width: Int) throws(ProteanError) {
        let conv = try Conv2d(
            inputChannels: 3, outputChannels: width, kernelSize: 7, stride: 2, padding: 3,
            bias: false)
        let norm = try BatchNorm2d(channels: width)
        parts = [NamedModule("conv1", conv), NamedModule("bn1", norm)]
        convolutions = [try FusedConv2d(conv, norm, .relu)]
    }

    /// Three 3 × 3 convolutions, the first two of half the width; `conv1` holds all of them and the
    /// first two norms.
    init(deep width: Int) throws(ProteanError) {
        let half = max(1, width / 2)
        let convs = [
            try Self.conv(from: 3, to: half, stride: 2), try Self.conv(from: half, to: half),
            try Self.conv(from: half, to: width),
        ]
        let norms = [
            try BatchNorm2d(channels: half), try BatchNorm2d(channels: half),
            try BatchNorm2d(channels: width),
        ]
        let layers: [any Layer] = [
            convs[0], norms[0], ReLU(), convs[1], norms[1], ReLU(), convs[2],
        ]
        parts = [NamedModule("conv1", try Sequential(layers)), NamedModule("bn1", norms[2])]
        var fused: [FusedConv2d] = []
        for (conv, norm) in zip(convs, norms) { fused.append(try FusedConv2d(conv, norm, .relu)) }
        convolutions = fused
    }

    private static func conv(
        from inputs: Int, to outputs: Int, stride: Int = 1
    ) throws(ProteanError) -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3, stride: Size2d(stride),
            padding: 1, bias: false)
    }

    /// The stem's result.
    func run(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        for convolution in convolutions { y = try convolution(y) }
        return y
    }
}
