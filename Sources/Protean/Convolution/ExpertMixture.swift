import CProteanKernels

/// How each sample's weights are made from experts: a weighted sum, multiplied by factors per tap and
/// per input channel.
///
/// `weight[b][k, c, t] = taps[b, t] · inputs[b, c] · Σ_e routing[b, e] · weight_e[k, c, t]`. The
/// kernel applies the factors while it mixes. A factor per output channel is an epilogue's gate.
struct ExpertMixture: Sendable {
    /// `[batch, experts]`.
    var routing: Tensor
    /// `[batch, kernel height · kernel width]`; nil for ones.
    var taps: Tensor?
    /// `[batch, input channels]`; nil for ones.
    var inputs: Tensor?

    /// Whether one of the tensors carries no values.
    var isShapeOnly: Bool {
        routing.isShapeOnly || taps?.isShapeOnly == true || inputs?.isShapeOnly == true
    }

    /// Throws if the factors do not fit a convolution of `batch` samples.
    func check(
        batch: Int, _ geometry: Conv2dGeometry, layer: String
    ) throws(ProteanError) {
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        try Self.check(taps, "taps", batch, area, layer)
        try Self.check(inputs, "inputs", batch, geometry.inputChannels, layer)
    }

    private static func check(
        _ factors: Tensor?, _ name: String, _ batch: Int, _ count: Int, _ layer: String
    ) throws(ProteanError) {
        guard let factors,
            factors.rank != 2 || factors.shape[0] != batch || factors.shape[1] != count
        else { return }
        throw .shapeMismatch(
            layer: layer, tensor: name, expected: "\([batch, count])", found: factors.shape)
    }

    /// Weights and biases of every sample as mixtures of the packed sets. The caller keeps both
    /// alive while the kernel runs.
    func source(of packed: PackedConv2d) -> ptn_weight_source {
        var source = ptn_weights_shared(packed.weights)
        source.kind = PTN_WEIGHTS_MIXED
        source.sets = packed.count
        source.routing = UnsafePointer(routing.storage?.base)
        source.biases = UnsafePointer(packed.bias?.storage?.base)
        source.shift = UnsafePointer(packed.shift?.storage?.base)
        source.taps = UnsafePointer(taps?.storage?.base)
        source.inputs = UnsafePointer(inputs?.storage?.base)
        return source
    }
}
