extension SkipBlock {
    /// The form of a residual block's convolutions.
    public enum Form: String, Sendable, CaseIterable {
        /// Two 3 × 3 convolutions.
        case basic
        /// 1 × 1, 3 × 3 and 1 × 1 to four times the width.
        case bottleneck

        /// Output channels per unit of width.
        public var expansion: Int { self == .basic ? 1 : 4 }
    }

    /// A block of a residual network (He et al., arXiv 1512.03385), the stride in its first 3 × 3
    /// convolution, with parameters `conv1`, `bn1`, `conv2`, `bn2` and, in a bottleneck, `conv3`, `bn3`.
    ///
    /// - Parameters:
    ///   - form: of the convolutions.
    ///   - inputChannels: channels of the input.
    ///   - width: channels within; a bottleneck's output has four times as many.
    ///   - stride: of the block.
    ///   - more: further modules of the block, such as its shortcut or gate, under their names.
    ///   - shortcut: see ``init(parts:steps:shortcut:passActivation:)``.
    ///   - passActivation: of passing rows, after the shortcut.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``; a shortcut is needed
    ///   where size or channels change.
    public convenience init(
        _ form: Form, inputChannels: Int, width: Int, stride: Int = 1, more: [NamedModule] = [],
        shortcut: (any Layer)? = nil, passActivation: Activation = .identity, seed: UInt64 = 0
    ) throws(ProteanError) {
        let name = "SkipBlock"
        try checkChannels(inputChannels, "inputChannels", layer: name)
        try checkOption(width, "width", in: 1...OptionLimits.channels / 4, layer: name)
        try checkOption(stride, "stride", in: 1...OptionLimits.length, layer: name)
        let outputs = width * form.expansion
        guard shortcut != nil || (stride == 1 && inputChannels == outputs) else {
            throw .invalidOption(
                layer: name, option: "shortcut",
                expected: "a layer where the stride is \(stride) and \(inputChannels) channels "
                    + "become \(outputs)", found: "nil")
        }
        let sizes =
            form == .basic
            ? [(inputChannels, width, 3, stride), (width, outputs, 3, 1)]
            : [(inputChannels, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        var parts: [NamedModule] = [], steps: [FusedConv2d] = []
        for (index, (from, to, kernel, stride)) in sizes.enumerated() {
            let conv = try Conv2d(
                inputChannels: from, outputChannels: to, kernelSize: Size2d(kernel),
                stride: Size2d(stride), padding: .symmetric(kernel / 2), bias: false,
                seed: seed &+ UInt64(index))
            let norm = try BatchNorm2d(channels: to)
            parts.append(NamedModule("conv\(index + 1)", conv))
            parts.append(NamedModule("bn\(index + 1)", norm))
            steps.append(try FusedConv2d(conv, norm, .relu))
        }
        try self.init(
            parts: parts + more, steps: steps, shortcut: shortcut, passActivation: passActivation)
    }

    /// The shortcut of a block that changes size or channels: a 1 × 1 convolution, `0`, and its norm,
    /// `1`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func projection(
        from inputs: Int, to outputs: Int, stride: Int, seed: UInt64 = 0
    ) throws(ProteanError) -> Sequential {
        try Sequential([
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 1,
                stride: Size2d(stride), bias: false, seed: seed),
            try BatchNorm2d(channels: outputs),
        ])
    }
}
