/// Parts of a ``Conv2dEpilogue``.
public struct EpilogueParts: OptionSet, Sendable, Hashable {
    /// A bit per part.
    public let rawValue: Int

    /// Parts by their bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// An activation, applied last.
    public static let activation = EpilogueParts(rawValue: 1)
    /// A map of the result's shape, added before the activation.
    public static let residual = EpilogueParts(rawValue: 2)
    /// A number per sample and channel, `[batch, channels]`, that multiplies the *whole* result before
    /// the residual is added. A kernel that adds a bias behind the gate leaves this part out.
    public static let gate = EpilogueParts(rawValue: 4)
    /// All of them.
    public static let all: EpilogueParts = [.activation, .residual, .gate]
}

extension Conv2dEpilogue {
    /// What is asked for.
    public var parts: EpilogueParts {
        var parts: EpilogueParts = []
        if activation != .identity { parts.insert(.activation) }
        if residual != nil { parts.insert(.residual) }
        if gate != nil { parts.insert(.gate) }
        return parts
    }
}

/// Something that computes a map and can do more to it before it is stored, in one pass.
///
/// Not a module: ``FusedConv2d`` and its kin refer to layers that stand elsewhere in a model.
public protocol EpilogueKernel: Sendable {
    /// What may follow the result in the same pass; all parts unless a kernel says less.
    var epilogueParts: EpilogueParts { get }

    /// `activation(gate · y + residual)`, y being what is computed from `x`.
    ///
    /// Containers ask for nothing that ``epilogueParts`` does not name. A kernel that gets more all the
    /// same may compute it with ``Conv2dEpilogue/applied(to:layer:)``.
    /// - Throws: ``ProteanError`` when a tensor does not fit; what does not fit of the epilogue is named
    ///   `gate` or `residual`.
    func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor
}

extension EpilogueKernel {
    /// All parts.
    public var epilogueParts: EpilogueParts { .all }
}

extension Layer {
    /// The layer as a kernel that does `parts` in its own pass; nil if it does not. To be asked when a
    /// container is built: looking for a conformance takes as long as a small layer.
    func kernel(doing parts: EpilogueParts) -> (any EpilogueKernel)? {
        guard let kernel = self as? any EpilogueKernel, kernel.epilogueParts.isSuperset(of: parts)
        else { return nil }
        return kernel
    }
}

/// A layer whose kernel can do more to the result before it is stored.
///
/// ``Sequential``, ``Residual``, ``Branches`` and ``Gated`` hand the activation, the residual and the gate
/// that follow such a layer to its kernel, which saves a pass over the map each. The results are those
/// of separate layers. A layer of your own conforms by passing the epilogue on to the operation with
/// which it ends.
public protocol AcceptsEpilogue: Layer, EpilogueKernel {}

/// A layer that can take the norm behind it into its weights.
///
/// Weights times the norm's scale, bias times scale plus shift: results differ from the separate layers'
/// by rounding, and the norm costs nothing at run time.
public protocol FoldsNorm: AcceptsEpilogue {
    /// The layer followed by `norm`, as one kernel. Called once, when a container is built: what is
    /// returned follows later changes of parameters (``PixelwiseLayer/version``).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel
}
