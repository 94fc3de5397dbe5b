/// Parts of a ``Conv2dEpilogue``.
public struct EpilogueParts: OptionSet, Sendable, Hashable {
    /// One bit per part.
    public let rawValue: Int

    /// Parts by their bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// An activation, applied last.
    public static let activation = EpilogueParts(rawValue: 1)
    /// A map of the result's shape, added before the activation.
    public static let residual = EpilogueParts(rawValue: 2)
    /// A number per sample and channel, `[batch, channels]`, that multiplies the *whole* result
    /// before the residual is added. A kernel that adds a bias after the gate does not offer this
    /// part.
    public static let gate = EpilogueParts(rawValue: 4)
    /// A map of the result's shape that multiplies the activation's result. Containers do not ask for
    /// it.
    public static let factor = EpilogueParts(rawValue: 8)
    /// What containers ask for: all but the factor.
    public static let all: EpilogueParts = [.activation, .residual, .gate]
}

extension Conv2dEpilogue {
    /// The parts that this epilogue uses.
    public var parts: EpilogueParts {
        var parts: EpilogueParts = []
        if activation != .identity { parts.insert(.activation) }
        if residual != nil { parts.insert(.residual) }
        if gate != nil { parts.insert(.gate) }
        if factor != nil { parts.insert(.factor) }
        return parts
    }
}

/// A kernel that computes a map and can apply an epilogue to it before it is stored, in one pass.
///
/// Not a module: conforming types such as ``FusedConv2d`` refer to layers that are part of a model
/// elsewhere.
public protocol EpilogueKernel: Sendable {
    /// The parts that the kernel can apply in the same pass; by default ``EpilogueParts/all``.
    var epilogueParts: EpilogueParts { get }

    /// `activation(gate · y + residual) · factor`, where y is computed from `x`.
    ///
    /// Containers request only parts in ``epilogueParts``. For other callers a kernel can compute
    /// further parts with ``Conv2dEpilogue/applied(to:layer:)``.
    /// - Throws: ``ProteanError`` when a tensor does not fit; what does not fit of the epilogue is named
    ///   `gate`, `residual` or `factor`.
    func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor
}

extension EpilogueKernel {
    /// ``EpilogueParts/all``.
    public var epilogueParts: EpilogueParts { .all }
}

extension Layer {
    /// The layer as a kernel that applies `parts` in its own pass; nil if it cannot. For use when a
    /// container is built: a dynamic conformance check takes as long as a small layer.
    func kernel(doing parts: EpilogueParts) -> (any EpilogueKernel)? {
        guard let kernel = self as? any EpilogueKernel, kernel.epilogueParts.isSuperset(of: parts)
        else { return nil }
        return kernel
    }
}

/// A layer whose kernel can apply an epilogue to the result before it is stored.
///
/// ``Sequential``, ``Residual``, ``Branches`` and ``Gated`` pass the activation, the residual and
/// the gate that follow such a layer to its kernel, which saves one pass over the map for each. The
/// results are those of separate layers. A custom layer conforms by passing the epilogue to its
/// last operation.
public protocol AcceptsEpilogue: Layer, EpilogueKernel {}

/// A layer that can fold the norm after it into its weights.
///
/// Weights times the norm's scale, bias times scale plus shift: results differ from the separate layers'
/// by rounding, and the norm costs nothing at run time.
public protocol FoldsNorm: AcceptsEpilogue {
    /// The layer followed by `norm`, as one kernel. Called once, when a container is built: the
    /// returned kernel follows later changes of parameters (``PixelwiseLayer/version``).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel
}
