/// The convolutions and norms of a residual block whose residual is computed under a mask; shared
/// by blocks that compute their masks in different ways.
struct MaskedResidual {
    /// `conv1`, `bn1`, … and, if the block has one, `downsample`, in the reference's order.
    let parts: [NamedModule]
    let steps: DynConvSteps

    /// Two 3 × 3 convolutions, the first of which strides.
    static func basic(
        _ layer: String, inputChannels: Int, planes: Int, stride: Int, downsample: Bool,
        seed: UInt64
    ) throws(ProteanError) -> MaskedResidual {
        try checkChannels(planes, "planes", layer: layer)
        try DynConvSteps.check(layer, inputChannels, planes, stride, downsample)
        let conv1 = try Conv2d(
            inputChannels: inputChannels, outputChannels: planes, kernelSize: 3,
            stride: Size2d(stride), padding: 1, bias: false, seed: seed)
        let conv2 = try Conv2d(
            inputChannels: planes, outputChannels: planes, kernelSize: 3, padding: 1, bias: false,
            seed: seed &+ 1)
        let norms = [try BatchNorm2d(channels: planes), try BatchNorm2d(channels: planes)]
        let shortcut =
            downsample ? try DynConvSteps.shortcut(inputChannels, planes, stride, seed) : nil
        return MaskedResidual(
            parts: [
                NamedModule("conv1", conv1), NamedModule("bn1", norms[0]),
                NamedModule("conv2", conv2), NamedModule("bn2", norms[1]),
            ] + (shortcut.map { [NamedModule("downsample", $0)] } ?? []),
            steps: DynConvSteps(
                before: [try FusedMaskedConv2d(conv1, norms[0], .relu)],
                spatial: try FusedMaskedConv2d(conv2, norms[1], .relu), last: nil,
                shortcut: shortcut, activation: .relu))
    }

    /// 1 × 1, 3 × 3 and 1 × 1 convolutions, the middle one of which strides; `4 · planes` outputs.
    static func bottleneck(
        _ layer: String, inputChannels: Int, planes: Int, stride: Int, downsample: Bool,
        groups: Int = 1, baseWidth: Int = 64, dilation: Int = 1, seed: UInt64
    ) throws(ProteanError) -> MaskedResidual {
        try checkOption(planes, "planes", in: 1...OptionLimits.channels / 4, layer: layer)
        for (option, value) in [("groups", groups), ("baseWidth", baseWidth)] {
            try checkOption(value, option, in: 1...OptionLimits.channels / 4, layer: layer)
        }
        let channels = 4 * planes
        try DynConvSteps.check(layer, inputChannels, channels, stride, downsample)
        let width = Int(Double(planes) * (Double(baseWidth) / 64)) * groups
        let conv1 = try Conv2d(
            inputChannels: inputChannels, outputChannels: width, kernelSize: 1, bias: false,
            seed: seed)
        let conv2 = try Conv2d(
            inputChannels: width, outputChannels: width, kernelSize: 3, stride: Size2d(stride),
            padding: .symmetric(dilation), dilation: Size2d(dilation), groups: groups, bias: false,
            seed: seed &+ 1)
        let conv3 = try Conv2d(
            inputChannels: width, outputChannels: channels, kernelSize: 1, bias: false,
            seed: seed &+ 2)
        let norms = [
            try BatchNorm2d(channels: width), try BatchNorm2d(channels: width),
            try BatchNorm2d(channels: channels),
        ]
        let shortcut =
            downsample ? try DynConvSteps.shortcut(inputChannels, channels, stride, seed) : nil
        return MaskedResidual(
            parts: [
                NamedModule("conv1", conv1), NamedModule("bn1", norms[0]),
                NamedModule("conv2", conv2), NamedModule("bn2", norms[1]),
                NamedModule("conv3", conv3), NamedModule("bn3", norms[2]),
            ] + (shortcut.map { [NamedModule("downsample", $0)] } ?? []),
            steps: DynConvSteps(
                before: [try FusedMaskedConv2d(conv1, norms[0], .relu)],
                spatial: try FusedMaskedConv2d(conv2, norms[1], .relu),
                last: try FusedMaskedConv2d(conv3, norms[2], .relu), shortcut: shortcut,
                activation: .relu))
    }
}
