/// Something that computes a map from `x` and further tensors, and can do more to it before it is
/// stored; see ``EpilogueKernel``.
public protocol MultiInputKernel: Sendable {
    /// What may follow the result in the same pass; nothing unless a kernel says more.
    var epilogueParts: EpilogueParts { get }

    /// `activation(gate · y + residual)`, y being what is computed from `x` and `inputs`.
    ///
    /// The epilogue is empty unless ``epilogueParts`` names what it asks for.
    /// - Throws: ``ProteanError`` when a tensor does not fit or one is missing.
    func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor
}

extension MultiInputKernel {
    /// Nothing.
    public var epilogueParts: EpilogueParts { [] }
}

/// A module that turns a tensor into a tensor and takes further tensors with it: routing weights,
/// displacements, a guide, a condition.
///
/// ``SelfConditioned`` makes it a ``Layer`` by computing the further inputs from the first, and
/// ``MultiInputSequential`` hands those that it gets to each of its layers.
public protocol MultiInputLayer: Module, MultiInputKernel {
    /// Names of the inputs after the first, in order, as errors say them.
    var inputNames: [String] { get }
    /// How many of them, from the first, must be there; all unless a layer says less.
    var requiredInputs: Int { get }
    /// How the layer changes the number of channels; ``ChannelFlow/unknown`` unless a layer says more.
    var channelFlow: ChannelFlow { get }

    /// The layer followed by `norm`, as one kernel; nil, unless a layer says otherwise, where it cannot
    /// take the norm into its weights. See ``FoldsNorm``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    func folding(_ norm: any FoldableNorm) throws(ProteanError) -> (any MultiInputKernel)?
}

extension MultiInputLayer {
    /// All.
    public var requiredInputs: Int { inputNames.count }
    /// Nothing is known.
    public var channelFlow: ChannelFlow { .unknown }

    /// Nil: the norm is a layer of its own.
    public func folding(
        _ norm: any FoldableNorm
    ) throws(ProteanError) -> (any MultiInputKernel)? { nil }

    /// Refuses a number of further inputs that the layer does not take.
    func check(inputs count: Int) throws(ProteanError) {
        guard (requiredInputs...max(requiredInputs, inputNames.count)).contains(count) else {
            let least = requiredInputs == inputNames.count ? "" : ", at least \(requiredInputs)"
            throw .invalidOption(
                layer: place, option: "inputs",
                expected: inputNames.joined(separator: ", ") + least, found: "\(count)")
        }
    }
}
