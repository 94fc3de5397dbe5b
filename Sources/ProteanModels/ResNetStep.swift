import Protean

/// A convolution of a residual block with its batch norm and its activation.
struct ResNetStep: Sendable {
    /// The modules under their names in the block.
    let parts: [NamedModule]
    /// activation(norm(conv(x)) + residual).
    let run: @Sendable (Tensor, _ residual: Tensor?) throws(ProteanError) -> Tensor

    /// The steps of a block. The last one has the block's activation if there is no attention
    /// after it.
    static func stack(
        _ options: ResNetBlock.Options, from inputs: Int, width: Int, stride: Int,
        isDeformable: Bool
    ) throws(ProteanError) -> [ResNetStep] {
        let outputs = width * options.block.expansion
        let inner = options.activation
        // An attention, or an activation's layer, comes between the last sum and what follows.
        let end: ActivationSlot =
            options.attention.isNone ? .function(inner.function) : .identity
        func plain(
            _ index: Int, from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1,
            _ activation: ActivationSlot
        ) throws(ProteanError) -> ResNetStep {
            try ResNetStep(
                index, options.convolutions, from: inputs, to: outputs, kernel: kernel,
                stride: stride, activation)
        }
        switch options.block {
        case .basic:
            return [
                try plain(1, from: inputs, to: width, kernel: 3, stride: stride, inner),
                try plain(2, from: width, to: outputs, kernel: 3, end),
            ]
        case .bottleneck:
            return [
                try plain(1, from: inputs, to: width, kernel: 1, inner),
                try middle(options, width, stride: stride, isDeformable: isDeformable),
                try plain(3, from: width, to: outputs, kernel: 1, end),
            ]
        }
    }

    /// The second step of a bottleneck.
    private static func middle(
        _ options: ResNetBlock.Options, _ width: Int, stride: Int, isDeformable: Bool
    ) throws(ProteanError) -> ResNetStep {
        if isDeformable { return try ResNetStep(deformable: width, stride: stride) }
        switch options.convolutions {
        case .selectiveKernel:
            return ResNetStep(
                2,
                try SelectiveKernel(inputChannels: width, outputChannels: width, stride: stride))
        case .splitAttention(let radix):
            let layer = try SplitAttention(
                inputChannels: width, outputChannels: width, radix: radix)
            guard stride > 1 else { return ResNetStep(2, layer) }
            let pool = try AvgPool2d(kernelSize: 3, stride: Size2d(stride), padding: 1)
            return ResNetStep(2, layer, pool)
        default:
            return try ResNetStep(
                2, options.convolutions, from: width, to: width, kernel: 3, stride: stride,
                options.activation)
        }
    }

    /// A layer that has its own norm and activation, and one after it without parameters.
    private init(_ index: Int, _ layer: any Layer, _ next: (any Layer)? = nil) {
        parts = [NamedModule("conv\(index)", layer)]
        run = { x, _ throws(ProteanError) in
            let y = try layer(x)
            return try next?(y) ?? y
        }
    }

    private init(
        _ index: Int, _ kind: ResNet.Convolutions, from inputs: Int, to outputs: Int, kernel: Int,
        stride: Int, _ activation: ActivationSlot
    ) throws(ProteanError) {
        if kind == .selectiveKernel {
            // timm names the convolution and the norm of a step together.
            let block = try ConvBlock(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                stride: Size2d(stride), activation: .identity)
            try self.init(["conv\(index)"], [block], block, activation, outputs, index)
            return
        }
        let norm = try BatchNorm2d(channels: outputs)
        let convolution = try Self.convolution(
            kind, from: inputs, to: outputs, kernel: kernel, stride: stride)
        let fused = try convolution.folding(norm)
        try self.init(
            ["conv\(index)", "bn\(index)"], [convolution, norm], fused, activation, outputs, index)
    }

    private init(
        _ names: [String], _ modules: [any Module], _ kernel: any EpilogueKernel,
        _ activation: ActivationSlot, _ channels: Int, _ index: Int
    ) throws(ProteanError) {
        let act = try activation.layer(channels: channels)
        let function = activation.function
        parts =
            zip(names, modules).map { NamedModule($0, $1) }
            + (act.map { [NamedModule("act\(index)", $0)] } ?? [])
        run = { x, residual throws(ProteanError) in
            let y = try kernel(
                x, epilogue: Conv2dEpilogue(activation: function, residual: residual))
            return try act?(y) ?? y
        }
    }

    private init(deformable width: Int, stride: Int) throws(ProteanError) {
        let convolution = try ModulatedDeformableConv2d(
            inputChannels: width, outputChannels: width, kernelSize: 3, stride: Size2d(stride),
            padding: 1, bias: false)
        let norm = try BatchNorm2d(channels: width)
        let fused = try FusedModulatedDeformableConv2d(convolution, norm, .relu)
        parts = [NamedModule("conv2", convolution), NamedModule("bn2", norm)]
        run = { x, residual throws(ProteanError) in try fused(x, residual: residual) }
    }

    static func convolution(
        _ kind: ResNet.Convolutions, from inputs: Int, to outputs: Int, kernel: Int, stride: Int
    ) throws(ProteanError) -> any FoldsNorm {
        let (side, step) = (Size2d(kernel), Size2d(stride))
        let padding = Padding2d.symmetric(kernel / 2)
        switch kind {
        case .plain, .selectiveKernel, .splitAttention:
            return try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: side, stride: step,
                padding: padding, bias: false)
        case .dynamic(let experts):
            return try DynamicConv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: side, stride: step,
                padding: padding, bias: false, experts: experts)
        case .omniDimensional(let experts, let reduction):
            return try ODConv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: kernel, stride: step,
                padding: padding, reduction: reduction, experts: experts)
        }
    }
}
