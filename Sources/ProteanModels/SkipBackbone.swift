import Protean

/// The plan of a residual network whose blocks may be skipped: sizes and strides of its blocks.
struct SkipBackbone {
    /// One block.
    struct Unit {
        /// Counted from 0.
        let group: Int
        /// Within the group, from 0.
        let index: Int
        let form: SkipBlock.Form
        let inputs, width, stride: Int

        var outputs: Int { width * form.expansion }
        var changes: Bool { stride != 1 || inputs != outputs }

        /// The block with a shortcut of its own where one is needed.
        func block(
            shortcutName: String, passActivation: Activation = .identity, more: [NamedModule] = []
        ) throws(ProteanError) -> SkipBlock {
            let shortcut =
                changes ? try SkipBlock.projection(from: inputs, to: outputs, stride: stride) : nil
            return try SkipBlock(
                form, inputChannels: inputs, width: width, stride: stride,
                more: (shortcut.map { [NamedModule(shortcutName, $0)] } ?? []) + more,
                shortcut: shortcut,
                // Without a shortcut the input is rectified already.
                passActivation: changes ? passActivation : .identity)
        }

        /// The block with a shortcut that another part of the network owns.
        func block(shortcut: (any Layer)?) throws(ProteanError) -> SkipBlock {
            try SkipBlock(
                form, inputChannels: inputs, width: width, stride: stride, shortcut: shortcut)
        }
    }

    let units: [Unit]
    /// Channels behind the last block.
    let features: Int
    /// The usual number of classes.
    let classes: Int
    private let isLarge: Bool

    init(_ backbone: SkipNet.Backbone) throws(ProteanError) {
        switch backbone {
        case .cifar(let depth):
            guard depth >= 8, depth % 6 == 2, depth <= 6 * 1024 + 2 else {
                throw .invalidOption(
                    layer: "SkipNet", option: "depth", expected: "6 n + 2, 8...6146",
                    found: "\(depth)")
            }
            let count = (depth - 2) / 6
            self.init([count, count, count], .basic, from: 16, isLarge: false)
        case .imageNet(let layers):
            guard let (form, counts) = Self.imageNet[layers] else {
                throw .invalidOption(
                    layer: "SkipNet", option: "layers", expected: "18, 34, 50, 101 or 152",
                    found: "\(layers)")
            }
            self.init(counts, form, from: 64, isLarge: true)
        }
    }

    /// `counts[g]` blocks in group g; every group but the first halves the map and doubles the
    /// width.
    init(_ counts: [Int], _ form: SkipBlock.Form, from width: Int, isLarge: Bool) {
        var units: [Unit] = []
        var channels = width
        for (group, count) in counts.enumerated() {
            for index in 0..<count {
                let unit = Unit(
                    group: group, index: index, form: form, inputs: channels,
                    width: width << group, stride: group > 0 && index == 0 ? 2 : 1)
                units.append(unit)
                channels = unit.outputs
            }
        }
        self.units = units
        self.isLarge = isLarge
        features = channels
        classes = isLarge ? 1000 : 10
    }

    private static let imageNet: [Int: (SkipBlock.Form, [Int])] = [
        18: (.basic, [2, 2, 2, 2]), 34: (.basic, [3, 4, 6, 3]), 50: (.bottleneck, [3, 4, 6, 3]),
        101: (.bottleneck, [3, 4, 23, 3]), 152: (.bottleneck, [3, 8, 36, 3]),
    ]

    func stem() throws(ProteanError) -> SkipStem { try SkipStem(isLarge: isLarge) }
}

/// Convolution, norm and ReLU; for large images 7 × 7 with stride 2 and a max pool behind.
struct SkipStem: Sendable {
    /// `conv1` and `bn1`.
    let parts: [NamedModule]
    private let fused: FusedConv2d
    private let pool: MaxPool2d?

    init(isLarge: Bool) throws(ProteanError) {
        let conv = try Conv2d(
            inputChannels: 3, outputChannels: isLarge ? 64 : 16, kernelSize: isLarge ? 7 : 3,
            stride: isLarge ? 2 : 1, padding: .symmetric(isLarge ? 3 : 1), bias: false)
        let norm = try BatchNorm2d(channels: conv.geometry.outputChannels)
        parts = [NamedModule("conv1", conv), NamedModule("bn1", norm)]
        fused = try FusedConv2d(conv, norm, .relu)
        pool = isLarge ? try MaxPool2d(kernelSize: 3, stride: 2, padding: 1) : nil
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let y = try fused(x)
        return try pool?(y) ?? y
    }
}
