/// SMSR's module: a mask from the features themselves, sparse mask convolutions, channel attention and
/// a residual.
///
/// `y = gate ⊙ block(x, m) + x`, the mask `m = s₁ > s₀` from two score maps
/// `s = deconv(relu(conv(avgpool(relu(conv(x))))))`, the gate
/// `sigmoid(W₂ · relu(W₁ · mean(block) + b₁) + b₂)`. Wang, Dong, Wang et al., arXiv 2006.09603, in
/// inference: without Gumbel noise.
///
/// Input and output `[batch, height, width, channels]`, height and width even. Parameters under the
/// reference's names: `spa_mask.0`, `spa_mask.3`, `spa_mask.5`, `body` (``SparseMaskBlock``),
/// `ca.conv_du.0`, `ca.conv_du.2`. Cost: mask and attention on all pixels, the block depending on
/// its mask.
public final class SparseMaskModule: Layer {
    /// The convolutions that use the mask.
    public let block: SparseMaskBlock
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let first, second: Conv2d
    private let third: DoublingConvTranspose2d
    private let squeeze, excite: Projection
    private let firstFused, secondFused: FusedConv2d
    private let difference: Conv2d
    private let entries = Derived<[Int], SparseMaskEntry?>()

    /// A module with seeded initial values. `channels` is a multiple of `reduction`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, layers: Int = 4, reduction: Int = 16, seed: UInt64 = 0
    ) throws(ProteanError) {
        guard channels >= 4, channels < 1 << 20, reduction >= 1, channels >= reduction else {
            throw .invalidOption(
                layer: "SparseMaskModule", option: "channels",
                expected: "at least 4 and at least the reduction, \(reduction)",
                found: "\(channels)")
        }
        let narrow = channels / 4
        first = try Conv2d(
            inputChannels: channels, outputChannels: narrow, kernelSize: 3, padding: 1, seed: seed)
        second = try Conv2d(
            inputChannels: narrow, outputChannels: narrow, kernelSize: 3, padding: 1,
            seed: seed &+ 1)
        third = try DoublingConvTranspose2d(
            inputChannels: narrow, outputChannels: 2, seed: seed &+ 2)
        block = try SparseMaskBlock(channels: channels, layers: layers, seed: seed &+ 3)
        squeeze = try Projection(
            from: channels, to: channels / reduction, linear: false, bias: true, seed: seed &+ 4)
        excite = try Projection(
            from: channels / reduction, to: channels, linear: false, bias: true, seed: seed &+ 5)
        firstFused = try FusedConv2d(first, nil, .relu)
        secondFused = try FusedConv2d(second, nil, .relu)
        difference = try Conv2d(weight: try Tensor([-1, 1], shape: [1, 2, 1, 1]))
    }

    /// The mask's convolutions, the block and the attention.
    public var submodules: [NamedModule] {
        [
            NamedModule("spa_mask.0", first), NamedModule("spa_mask.3", second),
            NamedModule("spa_mask.5", third), NamedModule("body", block),
            NamedModule("ca.conv_du.0", squeeze.module), NamedModule("ca.conv_du.2", excite.module),
        ]
    }

    /// The pixels at which sparse channels are computed; for a tensor that carries a shape only, all of
    /// them, so that costs are upper bounds.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or has an odd size.
    public func mask(for x: Tensor) throws(ProteanError) -> MaskPlan {
        try check(x)
        return try mask(
            fromPooled: try Operations.avgPool2d(
                try firstFused(x), PoolWindow(kernelSize: 2, stride: 2)))
    }

    private func check(_ x: Tensor) throws(ProteanError) {
        guard x.rank == 4, x.shape[1] % 2 == 0, x.shape[2] % 2 == 0 else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, even height, even width, channels]",
                found: x.shape)
        }
    }

    private func mask(fromPooled pooled: Tensor) throws(ProteanError) -> MaskPlan {
        let scores = try difference(try third(try secondFused(pooled)))
        if scores.isShapeOnly { return try MaskPlan(allOf: scores) }
        return try MaskPlan(scores, active: .above(0))
    }

    /// The module's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or has an odd size.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try check(x)
        guard let entry = try entry() else { return try callAsFunction(x, mask: try mask(for: x)) }
        let found = try entry(x)
        let mask = try mask(fromPooled: found.pooled)
        return try finish(x, try block(x, mask: mask, firstDense: found.dense))
    }

    private func entry() throws(ProteanError) -> SparseMaskEntry? {
        let dense = try block.firstDense()
        let versions = [first.weight.version, first.bias?.version ?? 0] + block.versions
        return try entries.value(for: versions) { () throws(ProteanError) in
            try SparseMaskEntry(mask: first, dense: dense)
        }
    }

    /// The module's result for a given mask of the map's size.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit.
    public func callAsFunction(_ x: Tensor, mask: MaskPlan) throws(ProteanError) -> Tensor {
        try finish(x, try block(x, mask: mask))
    }

    /// Attention and residual.
    private func finish(_ x: Tensor, _ features: Tensor) throws(ProteanError) -> Tensor {
        let means = try Operations.globalAveragePool(features)
        let pooled = try means.reshaped(to: [x.shape[0], block.channels])
        let gate = try excite(try squeeze(pooled, .relu), .sigmoid)
        return try Operations.scaleChannels(features, by: gate, residual: x)
    }
}
