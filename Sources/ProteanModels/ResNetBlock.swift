import Protean

/// activation(attention(bn(conv(… relu(bn1(conv1(x)))))) + shortcut(x)), the shortcut being `x` or a
/// 1 × 1 convolution with batch norm where size or channels change.
final class ResNetBlock: Layer {
    /// What a block is made of besides its widths.
    struct Options: Sendable {
        var block: ResNet.Block
        var convolutions: ResNet.Convolutions
        var attention: AttentionSlot
        var attentionName: String
        var activation: ActivationSlot
    }

    let outputChannels: Int

    private let parts: [NamedModule]
    private let steps: [ResNetStep]
    private let attention, activation: (any Layer)?
    private let adding: (any AttentionLayer)?
    private let function: Activation
    private let downsample: Sequential?

    init(
        _ options: Options, from inputs: Int, width: Int, stride: Int, isDeformable: Bool
    ) throws(ProteanError) {
        let block = options.block, outputs = width * block.expansion
        outputChannels = outputs
        let steps = try ResNetStep.stack(
            options, from: inputs, width: width, stride: stride, isDeformable: isDeformable)
        let attention = try options.attention.layer(channels: outputs)
        let activation = try options.activation.layer(channels: outputs)
        let downsample =
            stride == 1 && inputs == outputs
            ? nil
            : try Self.projection(options.convolutions, from: inputs, to: outputs, stride: stride)
        parts =
            steps.flatMap(\.parts)
            + (attention.map { [NamedModule(options.attentionName, $0)] } ?? [])
            + (activation.map { [NamedModule("act\(steps.count)", $0)] } ?? [])
            + (downsample.map { [NamedModule("downsample", $0)] } ?? [])
        (self.steps, self.attention, self.activation) = (steps, attention, activation)
        self.downsample = downsample
        adding = attention as? any AttentionLayer
        function = options.activation.function
    }

    private static func projection(
        _ kind: ResNet.Convolutions, from inputs: Int, to outputs: Int, stride: Int
    ) throws(ProteanError) -> Sequential {
        let norm = try BatchNorm2d(channels: outputs)
        switch kind {
        case .dynamic:
            let conv = try ResNetStep.convolution(
                kind, from: inputs, to: outputs, kernel: 1, stride: stride)
            return try Sequential([conv, norm])
        case .splitAttention:
            // The mean keeps what a stride would skip.
            let pool: any Layer =
                stride == 1
                ? Identity()
                : try AvgPool2d(
                    kernelSize: 2, stride: Size2d(stride), ceilMode: true, countIncludePad: false)
            let conv = try ResNetStep.convolution(
                .plain, from: inputs, to: outputs, kernel: 1, stride: 1)
            return try Sequential([pool, conv, norm])
        default:
            let conv = try ResNetStep.convolution(
                .plain, from: inputs, to: outputs, kernel: 1, stride: stride)
            return try Sequential([conv, norm])
        }
    }

    var submodules: [NamedModule] { parts }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let side = try downsample?(x) ?? x
        var y = x
        for step in steps.dropLast() { y = try step.run(y, nil) }
        let last = steps[steps.count - 1]
        if let adding {
            y = try adding(last.run(y, nil), residual: side, activation: function)
        } else if let attention {
            y = try Operations.add(attention(last.run(y, nil)), side, activation: function)
        } else {
            y = try last.run(y, side)
        }
        return try activation?(y) ?? y
    }
}
