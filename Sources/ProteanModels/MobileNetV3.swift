import Protean

/// MobileNetV3: inverted residual blocks with squeeze-and-excitation and hard swish; also with
/// dynamic ReLU in the place of all of its activations.
///
/// Howard et al., "Searching for MobileNetV3", ICCV 2019 (arXiv 1905.02244); parameters named as
/// torchvision's `mobilenet_v3_large` and `mobilenet_v3_small`. Input `[batch, height, width, 3]`,
/// output `[batch, classes]`.
///
/// ```swift
/// let network = try MobileNetV3(.large)
/// ```
///
/// With ``Activations/dynamicReLU(reduction:)`` every ReLU and hard swish is a ``DynamicReLU`` of
/// type B, and the squeeze-and-excitations, whose gates are a part of its slopes, are left out
/// (Chen et al., "Dynamic ReLU", arXiv 2003.10027, table of MobileNetV3). Each stands where
/// torchvision has the activation: `features.0.2`, `features.N.block.M.2` (the projection has none)
/// and `classifier.1`, with the names of ``DynamicReLU/Variant/islanna`` below: `fc1`, `fc2`,
/// `lambdas`, `init_v`.
public final class MobileNetV3: Layer {
    /// One of the two published networks.
    public enum Size: String, Sendable, CaseIterable {
        /// 15 blocks, 5.5 million parameters.
        case large
        /// 11 blocks, 2.5 million parameters.
        case small
    }

    /// The functions after the convolutions.
    public enum Activations: Sendable, Equatable {
        /// ReLU and hard swish, with squeeze-and-excitation, as published.
        case published
        /// Dynamic ReLU of type B throughout, without squeeze-and-excitation; `reduction` is the
        /// number of channels over the width between its two linear layers.
        case dynamicReLU(reduction: Int)
    }

    /// Options in which the references differ.
    public struct Style: Sendable {
        /// The functions after the convolutions.
        public var activations: Activations
        /// Batch norm's eps: torchvision has 1e-3, timm 1e-5.
        public var eps: Double
        /// Whether the weight before the classifier is that of a 1 × 1 convolution,
        /// `[out, in, 1, 1]`, as timm has it; else that of a linear layer, `[out, in]`.
        public var convolutionalHead: Bool

        /// torchvision's network by default.
        public init(
            activations: Activations = .published, eps: Double = 1e-3,
            convolutionalHead: Bool = false
        ) {
            self.activations = activations
            self.eps = eps
            self.convolutionalHead = convolutionalHead
        }
    }

    private let stem, last: MobileNetV3Conv
    private let blocks: [MobileNetV3Block]
    private let head: any AcceptsEpilogue
    private let headActivation: DynamicReLU?
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ size: Size, classes: Int = 1000, style: Style = Style()
    ) throws(ProteanError) {
        stem = try MobileNetV3Conv(
            from: 3, to: 16, kernel: 3, stride: 2, activation: .hardSwish, style: style)
        var blocks: [MobileNetV3Block] = []
        var channels = 16
        for row in size.rows {
            blocks.append(try MobileNetV3Block(from: channels, row, style: style))
            channels = row.channels
        }
        self.blocks = blocks
        let wide = 6 * channels, features = size.features
        last = try MobileNetV3Conv(
            from: channels, to: wide, kernel: 1, activation: .hardSwish, style: style)
        head =
            style.convolutionalHead
            ? try Conv2d(inputChannels: wide, outputChannels: features, kernelSize: 1)
            : try Linear(inputFeatures: wide, outputFeatures: features)
        headActivation = try style.dynamicReLU(channels: features)
        classifier = try Linear(inputFeatures: features, outputFeatures: classes)
    }

    /// `features.0`, `features.1`, …, `classifier.0` and `classifier.3` (between them an activation
    /// and a dropout).
    public var submodules: [NamedModule] {
        stem.named("features.0")
            + blocks.enumerated().map {
                NamedModule("features.\($0.offset + 1).block", $0.element)
            }
            + last.named("features.\(blocks.count + 1)")
            + [NamedModule("classifier.0", head)]
            + (headActivation.map { [NamedModule("classifier.1", $0)] } ?? [])
            + [NamedModule("classifier.3", classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try stem(x)
        for block in blocks { y = try block(y) }
        let pooled = try Operations.globalAveragePool(try last(y))
        let row = try pooled.reshaped(to: [pooled.shape[0], 1, 1, pooled.shape[1]])
        var features: Tensor
        if let headActivation {
            features = try headActivation(try head(row))
        } else {
            features = try head(row, epilogue: Conv2dEpilogue(activation: .hardSwish))
        }
        features = try features.reshaped(to: [features.shape[0], features.shape[3]])
        return try classifier(features)
    }
}

extension MobileNetV3.Style {
    /// The layer in the place of an activation; nil for the published functions.
    fileprivate func dynamicReLU(channels: Int) throws(ProteanError) -> DynamicReLU? {
        guard case .dynamicReLU(let reduction) = activations else { return nil }
        return try DynamicReLU(channels: channels, reduction: reduction, kind: .b)
    }
}

extension MobileNetV3.Size {
    /// A row of the paper's tables 1 and 2.
    fileprivate struct Row {
        let kernel, expanded, channels: Int
        let isGated: Bool
        let activation: Activation
        let stride: Int

        init(
            _ kernel: Int, _ expanded: Int, _ channels: Int, _ isGated: Bool,
            _ activation: Activation, _ stride: Int
        ) {
            self.kernel = kernel
            self.expanded = expanded
            self.channels = channels
            self.isGated = isGated
            self.activation = activation
            self.stride = stride
        }
    }

    fileprivate var rows: [Row] { self == .large ? Self.largeRows : Self.smallRows }

    private static let largeRows = [
        Row(3, 16, 16, false, .relu, 1), Row(3, 64, 24, false, .relu, 2),
        Row(3, 72, 24, false, .relu, 1), Row(5, 72, 40, true, .relu, 2),
        Row(5, 120, 40, true, .relu, 1), Row(5, 120, 40, true, .relu, 1),
        Row(3, 240, 80, false, .hardSwish, 2), Row(3, 200, 80, false, .hardSwish, 1),
        Row(3, 184, 80, false, .hardSwish, 1), Row(3, 184, 80, false, .hardSwish, 1),
        Row(3, 480, 112, true, .hardSwish, 1), Row(3, 672, 112, true, .hardSwish, 1),
        Row(5, 672, 160, true, .hardSwish, 2), Row(5, 960, 160, true, .hardSwish, 1),
        Row(5, 960, 160, true, .hardSwish, 1),
    ]

    private static let smallRows = [
        Row(3, 16, 16, true, .relu, 2), Row(3, 72, 24, false, .relu, 2),
        Row(3, 88, 24, false, .relu, 1), Row(5, 96, 40, true, .hardSwish, 2),
        Row(5, 240, 40, true, .hardSwish, 1), Row(5, 240, 40, true, .hardSwish, 1),
        Row(5, 120, 48, true, .hardSwish, 1), Row(5, 144, 48, true, .hardSwish, 1),
        Row(5, 288, 96, true, .hardSwish, 2), Row(5, 576, 96, true, .hardSwish, 1),
        Row(5, 576, 96, true, .hardSwish, 1),
    ]

    /// Features before the classifier.
    fileprivate var features: Int { self == .large ? 1280 : 1024 }

    /// Number of blocks of each of timm's stages, without the last convolution, which timm counts as
    /// a stage.
    var repeats: [Int] { self == .large ? [1, 2, 3, 4, 2, 3] : [1, 2, 3, 2, 3] }

    /// The place of a block's projection in torchvision's list of the block's layers.
    fileprivate func projection(of block: Int) -> Int {
        (block == 0 ? 1 : 2) + (rows[block].isGated ? 1 : 0)
    }
}

extension MobileNetV3 {
    /// The path of the parameter for one of timm's keys; nil for a key of another network.
    static func path(of key: String, size: Size) -> String? {
        let repeats = size.repeats, last = repeats.reduce(0, +) + 1
        let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 5, parts[0] == "blocks", parts[1] == "\(repeats.count)", parts[2] == "0" {
            let place = ["conv": 0, "bn1": 1][parts[3]]
            return place.map { "features.\(last).\($0).\(parts[4])" }
        }
        if parts.count == 6, parts[3] == "se", let stage = Int(parts[1]), let index = Int(parts[2]),
            repeats.indices.contains(stage), (0..<repeats[stage]).contains(index)
        {
            let block = repeats[..<stage].reduce(0, +) + index
            let layer = ["conv_reduce": "fc1", "conv_expand": "fc2"][parts[4]]
            let place = size.projection(of: block) - 1
            return layer.map { "features.\(block + 1).block.\(place).\($0).\(parts[5])" }
        }
        guard let known = TimmKey(key, repeats: repeats) else { return nil }
        let block = "features.\(known.block + 1).block"
        let depthwise = known.block == 0 ? 0 : 1
        let projection = size.projection(of: known.block)
        let module: String
        switch known.place {
        case .stem: module = "features.0.0"
        case .stemNorm: module = "features.0.1"
        case .convolution(.expand): module = "\(block).0.0"
        case .norm(.expand): module = "\(block).0.1"
        case .convolution(.depthwise): module = "\(block).\(depthwise).0"
        case .norm(.depthwise): module = "\(block).\(depthwise).1"
        case .convolution(.project): module = "\(block).\(projection).0"
        case .norm(.project): module = "\(block).\(projection).1"
        case .head: module = "classifier.0"
        // The head has no norm.
        case .headNorm: return nil
        case .classifier: module = "classifier.3"
        }
        return "\(module).\(known.parameter)"
    }
}

/// Convolution, batch norm and an activation, which may be dynamic.
private struct MobileNetV3Conv: Sendable {
    let conv: Conv2d
    let norm: BatchNorm2d
    /// The activation, where it is a layer of its own.
    let dynamic: DynamicReLU?
    let fused: FusedConv2d

    /// - Parameter activation: nil for a convolution without any.
    init(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1,
        activation: Activation?, style: MobileNetV3.Style
    ) throws(ProteanError) {
        conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            stride: Size2d(stride), padding: .symmetric(kernel / 2), groups: groups, bias: false)
        norm = try BatchNorm2d(channels: outputs, eps: style.eps)
        dynamic = activation == nil ? nil : try style.dynamicReLU(channels: outputs)
        fused = try FusedConv2d(conv, norm, dynamic == nil ? activation ?? .identity : .identity)
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let y = try fused(x)
        return try dynamic?.callAsFunction(y) ?? y
    }

    func named(_ path: String) -> [NamedModule] {
        [NamedModule("\(path).0", conv), NamedModule("\(path).1", norm)]
            + (dynamic.map { [NamedModule("\(path).2", $0)] } ?? [])
    }
}

/// Expand 1 × 1, depthwise, gate per channel, project 1 × 1; plus the input where shapes allow.
private final class MobileNetV3Block: Layer {
    let submodules: [NamedModule]
    private let head: [MobileNetV3Conv]
    /// Expansion and depthwise convolution, if their activations are part of them.
    private let chain: FusedConv2dChain?
    private let excitation: SqueezeExcitation?
    private let project: MobileNetV3Conv
    private let adds: Bool

    init(
        from inputs: Int, _ row: MobileNetV3.Size.Row, style: MobileNetV3.Style
    ) throws(ProteanError) {
        let hidden = row.expanded, activation = row.activation
        var head: [MobileNetV3Conv] = []
        if hidden != inputs {
            head.append(
                try MobileNetV3Conv(
                    from: inputs, to: hidden, kernel: 1, activation: activation, style: style))
        }
        head.append(
            try MobileNetV3Conv(
                from: hidden, to: hidden, kernel: row.kernel, stride: row.stride, groups: hidden,
                activation: activation, style: style))
        let isStatic = head.allSatisfy { $0.dynamic == nil }
        chain = isStatic ? try FusedConv2dChain(head.map(\.fused)) : nil
        excitation =
            row.isGated && isStatic
            ? try SqueezeExcitation(
                channels: hidden,
                squeezeChannels: makeDivisible(Double(hidden / 4), by: 8), gate: .hardSigmoid)
            : nil
        project = try MobileNetV3Conv(
            from: hidden, to: row.channels, kernel: 1, activation: nil, style: style)
        adds = row.stride == 1 && inputs == row.channels
        self.head = head
        var modules = head.enumerated().flatMap { $0.element.named("\($0.offset)") }
        if let excitation { modules.append(NamedModule("\(head.count)", excitation)) }
        let place = head.count + (excitation == nil ? 0 : 1)
        submodules = modules + project.named("\(place)")
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        if let chain {
            y = try chain(x)
        } else {
            for conv in head { y = try conv(y) }
        }
        if let excitation { y = try excitation(y) }
        return try project.fused(y, residual: adds ? x : nil)
    }
}
