import Protean

/// A small ConvNeXt V2 (arXiv 2301.00808): a stem, residual blocks, a linear classifier.
public final class TinyConvNeXt: Layer {
    private let stem: WeightStandardizedConv2d
    private let blocks: Sequential
    private let head: Linear

    /// A network with initial values.
    public init(width: Int = 24, depth: Int = 2, classes: Int = 10) throws(ProteanError) {
        guard (1...64).contains(depth) else {
            throw .invalidOption(
                layer: "TinyConvNeXt", option: "depth", expected: "1...64", found: "\(depth)")
        }
        stem = try WeightStandardizedConv2d(
            inputChannels: 3, outputChannels: width, kernelSize: 4, stride: 4)
        blocks = try Sequential {
            for _ in 0..<depth { try TinyConvNeXtBlock(channels: width) }
        }
        head = try Linear(inputFeatures: width, outputFeatures: classes)
    }

    /// The names on the way to a parameter make its path, such as `blocks.0.grn.weight`.
    public var submodules: [NamedModule] {
        [NamedModule("stem", stem), NamedModule("blocks", blocks), NamedModule("head", head)]
    }

    /// The classes' logits, `[batch, classes]`, of images `[batch, height, width, 3]`.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try head(GlobalAveragePool2d()(blocks(stem(x))))
    }
}

/// x + pwconv2(grn(gelu(pwconv1(norm(dwconv(x)))))).
final class TinyConvNeXtBlock: Layer {
    private let main: Sequential

    init(channels: Int) throws(ProteanError) {
        main = try Sequential(named: [
            (
                "dwconv",
                try Conv2d(
                    inputChannels: channels, outputChannels: channels, kernelSize: 7, padding: 3,
                    groups: channels)
            ),
            ("norm", try LayerNorm(channels: channels)),
            ("pwconv1", try Linear(inputFeatures: channels, outputFeatures: 4 * channels)),
            ("act", GELU()),
            ("grn", try GlobalResponseNorm(channels: 4 * channels)),
            ("pwconv2", try Linear(inputFeatures: 4 * channels, outputFeatures: channels)),
        ])
    }

    var submodules: [NamedModule] { main.submodules }
    var channelFlow: ChannelFlow { main.channelFlow }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.add(main(x), x)
    }
}
