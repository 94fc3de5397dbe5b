import Protean

/// The network with four exits that ships with the package: it classifies 28 × 28 grey images, and
/// those it is sure of early.
///
/// Four stages of two 3 × 3 convolutions (1 → 16 → 24 channels, then 24, 48 and 48, on maps of 28, 14
/// and 7 pixels); the second and the fourth add their input. Behind each stage a head: at the first
/// two a linear layer on the map's 2 × 2 means, which knows where a pattern lies, at the others one
/// on the means of all pixels. Some 112,000 parameters. The first exit costs 0.8 million
/// multiply-adds, the last one 6.4 million. Trained by this project on Fashion-MNIST with the sum of the exits' cross-entropies.
/// Input `[batch, 28, 28, 1]`, output `[batch, 10]`.
public final class ProteanExits: Layer, HasExits {
    /// The stages, the heads, and who leaves where.
    public let exits: ExitNetwork

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(classes: Int = 10) throws(ProteanError) {
        let stages: [any Layer] = [
            try ExitStage(from: 1, over: 16, to: 24, strides: (1, 2)),
            try ExitStage(from: 24, over: 24, to: 24),
            try ExitStage(from: 24, over: 48, to: 48, strides: (2, 1)),
            try ExitStage(from: 48, over: 48, to: 48),
        ]
        let heads: [any Layer] = [
            try PlaceHead(channels: 24, side: 7, classes: classes),
            try PlaceHead(channels: 24, side: 7, classes: classes),
            try MeanHead(channels: 48, classes: classes),
            try MeanHead(channels: 48, classes: classes),
        ]
        exits = try ExitNetwork(
            stages: stages.map { LayerStage($0) }, heads: heads.map { LayerHead($0) })
    }

    /// `stages.0` … `stages.3` and `heads.0` … `heads.3`.
    public var submodules: [NamedModule] { exits.submodules }

    /// The last exit's logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try exits(x) }
}

/// relu(bn2(conv2(relu(bn1(conv1(x)))))), with x added before the last relu where shapes allow.
private final class ExitStage: Layer {
    private let conv1, conv2: Conv2d
    private let bn1, bn2: BatchNorm2d
    private let first, second: FusedConv2d
    private let adds: Bool

    init(
        from inputs: Int, over hidden: Int, to outputs: Int, strides: (Int, Int) = (1, 1)
    ) throws(ProteanError) {
        conv1 = try Conv2d(
            inputChannels: inputs, outputChannels: hidden, kernelSize: 3,
            stride: Size2d(strides.0), padding: 1, bias: false)
        conv2 = try Conv2d(
            inputChannels: hidden, outputChannels: outputs, kernelSize: 3,
            stride: Size2d(strides.1), padding: 1, bias: false)
        bn1 = try BatchNorm2d(channels: hidden)
        bn2 = try BatchNorm2d(channels: outputs)
        first = try FusedConv2d(conv1, bn1, .relu)
        second = try FusedConv2d(conv2, bn2, .relu)
        adds = inputs == outputs && strides == (1, 1)
    }

    var submodules: [NamedModule] {
        [
            NamedModule("conv1", conv1), NamedModule("bn1", bn1), NamedModule("conv2", conv2),
            NamedModule("bn2", bn2),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try second(try first(x), residual: adds ? x : nil)
    }
}

/// Means of 2 × 2 pixels, then one weight per pixel, channel and class.
private struct PlaceHead: Layer {
    private let pool: AvgPool2d
    private let conv: Conv2d

    init(channels: Int, side: Int, classes: Int) throws(ProteanError) {
        pool = try AvgPool2d(kernelSize: 2)
        conv = try Conv2d(
            inputChannels: channels, outputChannels: classes, kernelSize: Size2d(side))
    }

    var submodules: [NamedModule] { [NamedModule("conv", conv)] }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.flatten(try conv(try pool(x)))
    }
}

/// Means of all pixels, then a linear layer.
private struct MeanHead: Layer {
    private let fc: Linear

    init(channels: Int, classes: Int) throws(ProteanError) {
        fc = try Linear(inputFeatures: channels, outputFeatures: classes)
    }

    var submodules: [NamedModule] { [NamedModule("fc", fc)] }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try fc(try Operations.globalAveragePool(x))
    }
}
