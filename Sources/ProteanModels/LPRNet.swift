import Protean

/// LPRNet: reads a licence plate without segmenting its characters.
///
/// Zherzdev, Gruzdev, "LPRNet: License Plate Recognition via Deep Neural Networks", arXiv 1806.10447,
/// with the layers and names of xuexingyu24's network. Its maxima run over channels too
/// (``MaxPool3d``). Four stages' maps are pooled to 4 × 18, each divided by the mean of its squares,
/// and joined. Input `[batch, 24, 94, 3]`, channels blue, green, red, as (value − 127.5) / 128.
/// Output `[batch, 18, classes]`: logits of 18 steps from left to right, the last class the blank; see
/// ``PlateAlphabet``.
///
/// The reference takes the mean of squares over all plates of a batch, so that a plate's logits depend
/// on its company; here it is the plate's own, which is the same for one plate at a time.
public final class LPRNet: Layer {
    /// Where the network stands in a model.
    public let label: Label? = Label()
    private let stem, wide, tall, container: Conv2d
    private let norms: [BatchNorm2d]
    private let blocks: [LPRNetBlock]
    private let stemStep, wideStep, tallStep: FusedConv2d
    private let pools: [MaxPool3d]
    private let contexts: [AvgPool2d]

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(classes: Int = PlateAlphabet.published.count) throws(ProteanError) {
        guard (2...65_536).contains(classes) else {
            throw .invalidOption(
                layer: "LPRNet", option: "classes", expected: "2...65536", found: "\(classes)")
        }
        stem = try Conv2d(inputChannels: 3, outputChannels: 64, kernelSize: 3)
        wide = try Conv2d(
            inputChannels: 64, outputChannels: 256, kernelSize: Size2d(height: 1, width: 4))
        tall = try Conv2d(
            inputChannels: 256, outputChannels: classes, kernelSize: Size2d(height: 13, width: 1))
        container = try Conv2d(
            inputChannels: 448 + classes, outputChannels: classes, kernelSize: 1)
        var norms: [BatchNorm2d] = []
        for channels in [64, 128, 256, 256, 256, classes] {
            norms.append(try BatchNorm2d(channels: channels))
        }
        self.norms = norms
        blocks = [
            try LPRNetBlock(from: 64, to: 128, norm: norms[1]),
            try LPRNetBlock(from: 64, to: 256, norm: norms[2]),
            try LPRNetBlock(from: 256, to: 256, norm: norms[3]),
        ]
        stemStep = try FusedConv2d(stem, norms[0], .relu)
        wideStep = try FusedConv2d(wide, norms[4], .relu)
        tallStep = try FusedConv2d(tall, norms[5], .relu)
        var pools: [MaxPool3d] = []
        for (depth, width) in [(1, 1), (2, 2), (4, 2)] {
            pools.append(
                try MaxPool3d(
                    kernelSize: Size3d(depth: 1, height: 3, width: 3),
                    stride: Size3d(depth: depth, height: 1, width: width)))
        }
        self.pools = pools
        contexts = [
            try AvgPool2d(kernelSize: 5), try AvgPool2d(kernelSize: 5),
            try AvgPool2d(
                kernelSize: Size2d(height: 4, width: 10), stride: Size2d(height: 4, width: 2)),
        ]
    }

    /// `backbone.0` … `backbone.21` and `container.0`.
    public var submodules: [NamedModule] {
        let backbone: [(Int, any Module)] = [
            (0, stem), (1, norms[0]), (4, blocks[0]), (5, norms[1]), (8, blocks[1]), (9, norms[2]),
            (11, blocks[2]), (12, norms[3]), (16, wide), (17, norms[4]), (20, tall), (21, norms[5]),
        ]
        return backbone.map { NamedModule("backbone.\($0.0)", $0.1) }
            + [NamedModule("container.0", container)]
    }

    /// The logits of the steps.
    ///
    /// - Throws: ``ProteanError`` when `x` is not `[batch, 24, 94, 3]`.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, Array(x.shape.dropFirst()) == [24, 94, 3] else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, 24, 94, 3]", found: x.shape)
        }
        let first = try stemStep(x)
        let second = try blocks[0](try pools[0](first))
        let third = try blocks[2](try blocks[1](try pools[1](second)))
        let last = try tallStep(try wideStep(try pools[2](third)))
        let maps = [
            try contexts[0](first), try contexts[1](second), try contexts[2](third), last,
        ]
        var scaled: [Tensor] = []
        for map in maps {
            let power = try Operations.mean(
                try Operations.square(map), axes: [1, 2, 3], keepDimensions: true)
            scaled.append(try Operations.divide(map, power))
        }
        let y = try container(try Operations.concatenate(scaled, axis: 3))
        return try Operations.mean(y, axes: [1])
    }
}

/// Convolutions 1 × 1, 3 × 1, 1 × 3 and 1 × 1 through a quarter of the channels, and the batch norm
/// and ReLU after them.
private final class LPRNetBlock: Module {
    private let convolutions: [Conv2d]
    private let steps: [FusedConv2d]

    init(from inputs: Int, to outputs: Int, norm: BatchNorm2d) throws(ProteanError) {
        let width = outputs / 4
        convolutions = [
            try Conv2d(inputChannels: inputs, outputChannels: width, kernelSize: 1),
            try Conv2d(
                inputChannels: width, outputChannels: width,
                kernelSize: Size2d(height: 3, width: 1),
                padding: .symmetric(height: 1, width: 0)),
            try Conv2d(
                inputChannels: width, outputChannels: width,
                kernelSize: Size2d(height: 1, width: 3),
                padding: .symmetric(height: 0, width: 1)),
            try Conv2d(inputChannels: width, outputChannels: outputs, kernelSize: 1),
        ]
        var steps: [FusedConv2d] = []
        for (index, conv) in convolutions.enumerated() {
            steps.append(try FusedConv2d(conv, index == 3 ? norm : nil, .relu))
        }
        self.steps = steps
    }

    /// `block.0`, `block.2`, `block.4` and `block.6`.
    var submodules: [NamedModule] {
        convolutions.enumerated().map { NamedModule("block.\(2 * $0.offset)", $0.element) }
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        for step in steps { y = try step(y) }
        return y
    }
}
