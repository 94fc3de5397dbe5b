/// Batch normalisation in inference: a scale and a shift per channel from stored statistics.
///
/// `y = (x − running_mean[c]) / √(running_var[c] + eps) · weight[c] + bias[c]`. Ioffe, Szegedy, ICML
/// 2015 (arXiv 1502.03167). Input `[batch, height, width, channels]` or `[batch, channels]`, the
/// same out. Parameters `weight`, `bias`, `running_mean`, `running_var`, each `[channels]`; without
/// `affine` the first two are missing and count as 1 and 0.
///
/// Scale and shift are computed in double precision, once per change of a parameter. Containers
/// fold them into the convolution before the layer, which then costs nothing. As is usual, its
/// multiply-adds are not counted, so that a model's cost does not depend on folding.
public final class BatchNorm2d: FoldableNorm, AcceptsEpilogue {
    /// A scale and a shift per channel, `[channels]` each.
    public typealias Affine = (scale: Tensor, shift: Tensor)

    /// Number of channels.
    public let channels: Int
    /// Added to the variance.
    public let eps: Double
    /// `[channels]`, ones at first; nil without `affine`.
    public let weight: Parameter?
    /// `[channels]`, zeros at first; nil without `affine`.
    public let bias: Parameter?
    /// `[channels]`, zeros at first.
    public let runningMean: Parameter
    /// `[channels]`, ones at first.
    public let runningVar: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let derived = Derived<Int, Affine>()

    /// A layer that, until it is loaded, is the identity except for `eps`; 1...2²⁴ channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(channels: Int, eps: Double = 1e-5, affine: Bool = true) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "BatchNorm2d")
        guard eps >= 0, eps.isFinite else {
            throw .invalidOption(
                layer: "BatchNorm2d", option: "eps", expected: "a finite number of at least 0",
                found: "\(eps)")
        }
        self.channels = channels
        self.eps = eps
        func parameter(
            _ value: Float, isBuffer: Bool = false
        ) throws(ProteanError) -> Parameter {
            try Parameter(
                repeating: value, shape: [channels], isBuffer: isBuffer, layer: "BatchNorm2d")
        }
        weight = affine ? try parameter(1) : nil
        bias = affine ? try parameter(0) : nil
        runningMean = try parameter(0, isBuffer: true)
        runningVar = try parameter(1, isBuffer: true)
    }

    /// `weight`, `bias`, `running_mean`, `running_var`.
    public var parameters: [NamedParameter] {
        var named: [NamedParameter] = []
        if let weight { named.append(NamedParameter("weight", weight)) }
        if let bias { named.append(NamedParameter("bias", bias)) }
        named.append(NamedParameter("running_mean", runningMean))
        named.append(NamedParameter("running_var", runningVar))
        return named
    }

    /// Whether a key of a weight file names one of the buffers of a batch norm in PyTorch.
    package static func isBuffer(_ key: String) -> Bool {
        ["running_mean", "running_var", "num_batches_tracked"].contains {
            key == $0 || key.hasSuffix("." + $0)
        }
    }

    /// Grows whenever a parameter changes: data derived at another version is stale.
    public var version: Int {
        (weight?.version ?? 0) + (bias?.version ?? 0) + runningMean.version + runningVar.version
    }

    /// The layer as x · scale + shift.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func scaleAndShift() throws(ProteanError) -> Affine {
        try derived.value(for: version) { () throws(ProteanError) in
            let weights = weight?.value.elements, biases = bias?.value.elements
            let means = runningMean.value.elements, variances = runningVar.value.elements
            var scale: [Float] = [], shift: [Float] = []
            for c in 0..<channels {
                let factor = Double(weights?[c] ?? 1) / (Double(variances[c]) + eps).squareRoot()
                scale.append(Float(factor))
                shift.append(Float(Double(biases?[c] ?? 0) - Double(means[c]) * factor))
            }
            return (try Tensor(scale, shape: [channels]), try Tensor(shift, shape: [channels]))
        }
    }

    /// The normalised map.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// An activation.
    public var epilogueParts: EpilogueParts { .activation }

    /// The normalised map followed by an epilogue.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try callAsFunction(x, activation: epilogue.activation)
    }

    /// activation(norm(x)) in one pass over the map.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard x.rank == 4 || x.rank == 2, x.shape.last == channels else {
            throw Shape.mismatch(
                x.shape, channels: channels,
                expected: "[batch, height, width, \(channels)] or [batch, \(channels)]",
                layer: place)
        }
        return try traced(
            "BatchNorm2d", path: label, input: x,
            cost: { .moving(x, $0, parameters: parameterCount, buffers: bufferCount) }
        ) { () throws(ProteanError) in
            let affine = try scaleAndShift()
            return try Operations.scaleShift(
                x, scale: affine.scale, shift: affine.shift, activation: activation)
        }
    }
}
