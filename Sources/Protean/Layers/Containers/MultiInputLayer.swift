/// A kernel that computes a map from `x` and further tensors, and can apply an epilogue before it
/// is stored; see ``EpilogueKernel``.
public protocol MultiInputKernel: Sendable {
    /// The parts that the kernel can apply in the same pass; by default none.
    var epilogueParts: EpilogueParts { get }

    /// `activation(gate · y + residual)`, where y is computed from `x` and `inputs`.
    ///
    /// The epilogue uses only parts in ``epilogueParts``.
    /// - Throws: ``ProteanError`` when a tensor does not fit or one is missing.
    func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor
}

extension MultiInputKernel {
    /// Nothing.
    public var epilogueParts: EpilogueParts { [] }
}

/// A layer with further input tensors: routing weights, displacements, a guide, a condition.
///
/// ``SelfConditioned`` makes it a ``Layer`` by computing the further inputs from the first, and
/// ``MultiInputSequential`` passes its further inputs to each of its layers.
public protocol MultiInputLayer: Module, MultiInputKernel {
    /// Names of the inputs after the first, in order, as used in errors.
    var inputNames: [String] { get }
    /// Number of inputs, from the first, that are required; by default all.
    var requiredInputs: Int { get }
    /// How the layer changes the number of channels; ``ChannelFlow/unknown`` unless a layer
    /// overrides it.
    var channelFlow: ChannelFlow { get }

    /// The layer followed by `norm`, as one kernel; nil (the default) if it cannot fold the norm
    /// into its weights. See ``FoldsNorm``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    func folding(_ norm: any FoldableNorm) throws(ProteanError) -> (any MultiInputKernel)?
}

extension MultiInputLayer {
    /// All.
    public var requiredInputs: Int { inputNames.count }
    /// Nothing is known.
    public var channelFlow: ChannelFlow { .unknown }

    /// Nil: the norm runs separately.
    public func folding(
        _ norm: any FoldableNorm
    ) throws(ProteanError) -> (any MultiInputKernel)? { nil }

    /// Throws if the layer does not take this number of further inputs.
    func check(inputs count: Int) throws(ProteanError) {
        guard (requiredInputs...max(requiredInputs, inputNames.count)).contains(count) else {
            let least = requiredInputs == inputNames.count ? "" : ", at least \(requiredInputs)"
            throw .invalidOption(
                layer: place, option: "inputs",
                expected: inputNames.joined(separator: ", ") + least, found: "\(count)")
        }
    }
}
