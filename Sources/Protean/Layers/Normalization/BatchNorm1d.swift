/// Batch normalisation of vectors or sequences in inference; `torch.nn.BatchNorm1d`.
///
/// `y = (x − running_mean[c]) / √(running_var[c] + eps) · weight[c] + bias[c]`. Ioffe, Szegedy, ICML
/// 2015 (arXiv 1502.03167). Input `[batch, channels]` or, channels last, `[batch, length, channels]`,
/// the same out. Parameters `weight`, `bias` and the buffers `running_mean`, `running_var`, each
/// `[channels]`; without `affine` the first two are missing and count as 1 and 0.
///
/// Arithmetic and cost are those of ``BatchNorm2d``: one scale and one shift per channel, computed in
/// double precision once per change of a parameter.
public final class BatchNorm1d: FoldableNorm {
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// The same norm for any axes between the batch and the channels.
    let norm: BatchNorm2d

    /// A layer that, until it is loaded, is the identity except for `eps`; 1...2²⁴ channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(channels: Int, eps: Double = 1e-5, affine: Bool = true) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "BatchNorm1d")
        try checkEpsilon(eps, layer: "BatchNorm1d")
        norm = try BatchNorm2d(channels: channels, eps: eps, affine: affine)
    }

    /// Number of channels.
    public var channels: Int { norm.channels }
    /// Added to the variance.
    public var eps: Double { norm.eps }
    /// `[channels]`, ones at first; nil without `affine`.
    public var weight: Parameter? { norm.weight }
    /// `[channels]`, zeros at first; nil without `affine`.
    public var bias: Parameter? { norm.bias }
    /// `[channels]`, zeros at first.
    public var runningMean: Parameter { norm.runningMean }
    /// `[channels]`, ones at first.
    public var runningVar: Parameter { norm.runningVar }

    /// `weight`, `bias`, `running_mean`, `running_var`.
    public var parameters: [NamedParameter] { norm.parameters }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// Grows whenever a parameter changes: data derived at another version is stale.
    public var version: Int { norm.version }

    /// The layer as x · scale + shift.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func scaleAndShift() throws(ProteanError) -> (scale: Tensor, shift: Tensor) {
        try norm.scaleAndShift()
    }

    /// The normalised `x`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// activation(norm(x)) in one pass.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard x.rank == 2 || x.rank == 3, x.shape[x.rank - 1] == channels else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, \(channels)] or [batch, length, \(channels)]", found: x.shape)
        }
        return try traced(
            "BatchNorm1d", path: label, input: x,
            cost: { .moving(x, $0, parameters: parameterCount, buffers: bufferCount) }
        ) { () throws(ProteanError) in
            let affine = try scaleAndShift()
            return try Operations.scaleShift(
                x, scale: affine.scale, shift: affine.shift, activation: activation)
        }
    }
}
