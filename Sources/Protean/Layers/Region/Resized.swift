/// A network that sees its input at one size.
///
/// `y = network(resize(x))`. As parts of a ``Dispatch`` several of them let every row choose the
/// resolution it is computed at; rows of one resolution form a batch. See
/// ``Dispatch/resolutions(_:network:predictor:predictorSize:mode:)``. Input
/// `[batch, height, width, channels]`, output the network's. An input that has the size is passed on as
/// it is.
public final class Resized: Layer {
    /// The size that the network sees.
    public let size: Size2d
    /// The interpolation.
    public let mode: ResizeMode
    /// The number of the resolution among those that share the network (``ResolutionScope``).
    public let index: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let network: any Layer

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ size: Size2d, _ network: any Layer, index: Int = 0,
        mode: ResizeMode = .bilinear(alignCorners: false)
    ) throws(ProteanError) {
        try size.check(atLeast: 1, layer: "Resized", option: "size")
        try checkOption(index, "index", in: 0...OptionLimits.depth, layer: "Resized")
        self.size = size
        self.network = network
        self.index = index
        self.mode = mode
    }

    /// `network`.
    public var submodules: [NamedModule] { [NamedModule("network", network)] }

    /// The network's result at this size.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map or does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, layer: "Resized")
        let isFitting = x.shape[1] == size.height && x.shape[2] == size.width
        let small = isFitting ? x : try Operations.resize(x, to: size, mode: mode)
        return try ResolutionScope.with(index) { () throws(ProteanError) in try network(small) }
    }
}

extension Dispatch {
    /// One network at a resolution that is chosen per row: a predictor sees a small copy of each row
    /// and scores the resolutions, the highest score wins (the lower index at a tie).
    ///
    /// Zhu et al., "Dynamic Resolution Network", arXiv 2106.02898. Batch norms of their own for every
    /// resolution: ``ResolutionConvNorm``. Parameters: `network` and `predictor`.
    /// - Parameters:
    ///   - sizes: the resolutions.
    ///   - network: shared by all of them; from any of the sizes to results of one shape.
    ///   - predictor: from the small copy to `[batch, sizes.count]`.
    ///   - predictorSize: the small copy's size.
    ///   - mode: the interpolation.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func resolutions(
        _ sizes: [Size2d], network: any Layer, predictor: any Layer, predictorSize: Size2d,
        mode: ResizeMode = .bilinear(alignCorners: false)
    ) throws(ProteanError) -> Dispatch {
        var parts: [any Layer] = []
        for (index, size) in sizes.enumerated() {
            parts.append(try Resized(size, network, index: index, mode: mode))
        }
        let seen = try Resized(predictorSize, predictor, mode: mode)
        return try Dispatch(
            parts: parts, gate: LayerDecisionGate(seen, name: "predictor"), rule: .argmax,
            combine: .replace,
            names: [NamedModule("network", network), NamedModule("predictor", predictor)])
    }
}
