/// Shared by DynConv's residual blocks: the convolutions before the last spatial one run at the
/// pixels that it reads; from there on rows are compact up to the residual.
struct DynConvSteps: Sendable {
    /// Computed on the dilated mask, in order; the first reads the map.
    let before: [FusedMaskedConv2d]
    /// Reads neighbours; computed on the mask.
    let spatial: FusedMaskedConv2d
    /// Computed on the mask; nil where the spatial convolution is the last one.
    let last: FusedMaskedConv2d?
    let shortcut: Sequential?
    /// Applied to the sum of residual and shortcut.
    let activation: Activation

    init(
        before: [FusedMaskedConv2d], spatial: FusedMaskedConv2d, last: FusedMaskedConv2d?,
        shortcut: Sequential?, activation: Activation
    ) {
        self.before = before
        self.spatial = spatial
        self.last = last
        self.shortcut = shortcut
        self.activation = activation
    }

    static func check(
        _ layer: String, _ inputs: Int, _ outputs: Int, _ stride: Int, _ downsample: Bool
    ) throws(ProteanError) {
        try checkChannels(inputs, "inputChannels", layer: layer)
        try checkOption(stride, "stride", in: 1...OptionLimits.length, layer: layer)
        guard downsample || (stride == 1 && inputs == outputs) else {
            throw .invalidOption(
                layer: layer, option: "downsample",
                expected: "true where the stride is \(stride) and \(inputs) channels become "
                    + "\(outputs)", found: "false")
        }
    }

    static func shortcut(
        _ inputs: Int, _ outputs: Int, _ stride: Int, _ seed: UInt64
    ) throws(ProteanError) -> Sequential {
        try Sequential([
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 1,
                stride: Size2d(stride), bias: false, seed: seed &+ 4),
            try BatchNorm2d(channels: outputs),
        ])
    }

    /// activation(shortcut(x) + mask ⊙ residual(x)).
    func run(_ x: Tensor, mask: MaskPlan) throws(ProteanError) -> Tensor {
        let identity = try shortcut?(x) ?? x
        var y = try Operations.activate(identity, activation)
        // Without an activation the sum is written into the shortcut, and no second map is needed.
        if activation == .identity {
            try add(x, to: &y, residual: nil, mask: mask)
        } else {
            try add(x, to: &y, residual: identity, mask: mask)
        }
        return y
    }

    /// activation(shortcut(x) + residual(x)) at all pixels, by the dense convolutions.
    func runDense(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        for conv in before + (last == nil ? [] : [spatial]) { y = try conv.dense(y) }
        return try final.dense(y, residual: try shortcut?(x) ?? x)
    }

    /// The same as ``run(_:mask:)`` in place; the shortcut and the activation must leave `x`
    /// unchanged.
    func update(
        _ x: inout Tensor, mask: MaskPlan, layer: String
    ) throws(ProteanError) {
        guard shortcut == nil else {
            throw .invalidOption(
                layer: layer, option: "downsample", expected: "false for an update in place",
                found: "true")
        }
        let input = try branch(x, mask: mask)
        try final.update(
            &x, with: input.x, from: input.layout, mask: mask, addsToResult: true)
    }

    private var final: FusedMaskedConv2d { last ?? spatial }

    private func add(
        _ x: Tensor, to y: inout Tensor, residual: Tensor?, mask: MaskPlan
    ) throws(ProteanError) {
        let input = try branch(x, mask: mask)
        try final.update(
            &y, with: input.x, from: input.layout, mask: mask, residual: residual,
            addsToResult: residual == nil)
    }

    /// The input of the final convolution.
    private func branch(
        _ x: Tensor, mask: MaskPlan
    ) throws(ProteanError) -> (x: Tensor, layout: MaskedInput) {
        let reach = try mask.dilated(for: spatial.conv.geometry, input: try inputSize(for: x))
        var rows = x
        var layout = MaskedInput.map
        for conv in before {
            rows = try conv.rows(rows, from: layout, mask: reach)
            layout = .rows(reach)
        }
        guard last != nil else { return (rows, layout) }
        return (try spatial.rows(rows, from: layout, mask: mask), .rows(mask))
    }

    /// Height and width of the spatial convolution's input.
    private func inputSize(for x: Tensor) throws(ProteanError) -> Size2d {
        var shape = x.shape
        for conv in before { shape = try conv.outputShape(for: shape) }
        guard shape.count == 4 else {
            throw .shapeMismatch(
                layer: spatial.conv.place, tensor: "x",
                expected: "[batch, height, width, channels]", found: x.shape)
        }
        return Size2d(height: shape[1], width: shape[2])
    }
}
