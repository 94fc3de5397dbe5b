/// A layer with several inputs whose further inputs are computed from the first by source layers:
/// `y = layer(x, source₁(x), source₂(x), …)`.
///
/// ```swift
/// // CondConv that computes its own routing weights, with timm's names.
/// let block = try SelfConditioned(
///     conv, as: "conv",
///     from: [("routing_fn", try CondConvRouting(channels: 16, experts: 4))])
/// let network = try Sequential([block, norm, ReLU()])    // one kernel
/// ```
/// With ``DeformableConv2d`` the sources predict offset and mask; with a ``MultiInputSequential``
/// one routing serves several layers. The norm and the activation after it are fused as for the
/// layer alone. Cost: that of the parts.
public final class SelfConditioned: FoldsNorm {
    /// The layer that computes the result.
    public let layer: any MultiInputLayer
    /// `layer` under its name, then the sources under theirs.
    public let submodules: [NamedModule]
    private let name: String
    private let sources: [(name: String, layer: any Layer)]

    /// - Parameters:
    ///   - layer: the layer that computes the result.
    ///   - name: the name of `layer` in paths.
    ///   - sources: the modules that compute the further inputs, in
    ///     ``MultiInputLayer/inputNames``'s order, under their names in paths.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the number of
    ///   sources is not that of the further inputs, when a name occurs twice, or when a source's
    ///   number of input channels differs from the layer's.
    public init(
        _ layer: any MultiInputLayer, as name: String = "layer",
        from sources: [(String, any Layer)]
    ) throws(ProteanError) {
        try layer.check(inputs: sources.count)
        for (source, module) in sources {
            if let taken = module.channelFlow.input, let own = layer.channelFlow.input,
                taken != own
            {
                throw .invalidOption(
                    layer: "SelfConditioned", option: source,
                    expected: "\(own) input channels, as \(name) takes", found: "\(taken)")
            }
        }
        self.layer = layer
        self.name = name
        self.sources = sources
        submodules = try ModuleList.checked(
            [(name, layer)] + sources.map { ($0.0, $0.1) }, container: "SelfConditioned")
    }

    /// The layer's channels.
    public var channelFlow: ChannelFlow { layer.channelFlow }

    /// The parts that the layer's kernel can apply.
    public var epilogueParts: EpilogueParts { layer.epilogueParts }

    /// The layer's result for `x` and the sources' results.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try run(layer, x, epilogue: Conv2dEpilogue())
    }

    /// The same followed by an epilogue.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try run(layer, x, epilogue: epilogue)
    }

    fileprivate func run(
        _ kernel: any MultiInputKernel, _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        var inputs: [Tensor] = []
        inputs.reserveCapacity(sources.count)
        for (name, source) in sources { inputs.append(try source.applied(to: x, as: name)) }
        do throws(ProteanError) {
            guard kernel.epilogueParts.isSuperset(of: epilogue.parts) else {
                let y = try kernel(x, with: inputs, epilogue: Conv2dEpilogue())
                return try epilogue.applied(to: y, layer: layer.place)
            }
            return try kernel(x, with: inputs, epilogue: epilogue)
        } catch {
            throw error.positioned(name, of: layer)
        }
    }

    /// The layer and `norm` in one kernel if the layer can fold it; otherwise the norm runs after
    /// the layer.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel {
        guard let kernel = try layer.folding(norm) else {
            return FollowedByNorm(layer: self, norm: norm)
        }
        return Folded(parts: self, kernel: kernel)
    }

    private struct Folded: EpilogueKernel {
        let parts: SelfConditioned
        let kernel: any MultiInputKernel

        var epilogueParts: EpilogueParts { kernel.epilogueParts }

        func callAsFunction(
            _ x: Tensor, epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            try parts.run(kernel, x, epilogue: epilogue)
        }
    }
}

/// A layer and a norm that run separately.
struct FollowedByNorm: EpilogueKernel {
    let layer: any Layer
    let norm: any FoldableNorm

    var epilogueParts: EpilogueParts { [] }

    func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        let y = try norm(try layer(x))
        return epilogue.isEmpty ? y : try epilogue.applied(to: y, layer: norm.place)
    }
}
