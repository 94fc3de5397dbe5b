import CProteanKernels

/// The plans of one convolution for the most recent sizes of images, each with its packed weights: one
/// comparison finds both. A plan serves every batch.
///
/// The fast path that ``Conv2d`` uses, for custom layers that keep their weights in ``Parameter``s:
/// see ``Operations/conv2d(_:plans:epilogue:layer:)``. A repeated call allocates its result and
/// nothing else, also with another batch. Keeps the plans of four combinations of image size and
/// settings, and repacks after a parameter has changed.
public final class Conv2dPlanCache: Sendable {
    private let parameters: Conv2dParameters
    private let cache = InputShapeCache<PreparedConv2d>()

    init(_ parameters: Conv2dParameters) { self.parameters = parameters }

    /// As for ``Conv2dParameters``.
    convenience init(
        weight: Parameter, bias: Parameter?, norm: (any FoldableNorm)? = nil, experts: Int? = nil,
        geometry: Conv2dGeometry
    ) {
        self.init(
            Conv2dParameters(
                weight: weight, bias: bias, norm: norm, experts: experts, geometry: geometry))
    }

    /// A cache for weights `[out, in / groups, height, width]` and a bias `[out]`.
    ///
    /// - Parameters:
    ///   - geometry: the convolution's options.
    ///   - weight: the weights.
    ///   - bias: the bias, or nil.
    ///   - norm: a norm after the convolution, folded into both, or nil.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a shape or the norm's channels do not fit the geometry.
    public convenience init(
        geometry: Conv2dGeometry, weight: Parameter, bias: Parameter? = nil,
        norm: (any FoldableNorm)? = nil, layer: String = "Conv2d"
    ) throws(ProteanError) {
        guard weight.shape == geometry.weightShape else {
            throw .shapeMismatch(
                layer: layer, tensor: "weight", expected: "\(geometry.weightShape)",
                found: weight.shape)
        }
        if let bias, bias.shape != [geometry.outputChannels] {
            throw .shapeMismatch(
                layer: layer, tensor: "bias", expected: "[\(geometry.outputChannels)]",
                found: bias.shape)
        }
        try norm?.check(follows: geometry, layer: layer)
        self.init(Conv2dParameters(weight: weight, bias: bias, norm: norm, geometry: geometry))
    }

    /// Channels, kernel size, stride, padding, dilation and groups.
    public var geometry: Conv2dGeometry { parameters.geometry }
    /// The norm that is folded in.
    public var norm: (any FoldableNorm)? { parameters.norm }

    /// Grows whenever a parameter changes.
    public var version: Int { parameters.version }

    /// Everything that a call on an input of shape `input` needs under these settings; cached for
    /// every batch.
    func prepared(
        for input: [Int], settings: Runtime.Resolved, layer: String
    ) throws(ProteanError) -> PreparedConv2d {
        let call = try cache.value(for: input, settings: settings, version: version) {
            () throws(ProteanError) in
            let shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            let experts = parameters.experts
            let plan = try geometry.kernelPlan(
                shape, runtime: settings.kernelValue, experts: experts, layer: layer)
            let algorithm = Conv2dPlan.Algorithm(plan.algorithm)
            // Experts are mixed in direct form, and Winograd's transform follows in the kernel.
            let form = experts != nil && algorithm.isWinograd ? .direct : algorithm
            return PreparedConv2d(
                packed: try parameters.packed(form, isa: settings.isa, layer: layer),
                algorithm: algorithm, shape: shape, plan: plan, settings: settings)
        }
        return call.batch(input[0])
    }
}
