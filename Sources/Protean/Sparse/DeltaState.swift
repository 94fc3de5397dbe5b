/// The state of change-driven layers for one stream of frames; see ``DeltaConv2d`` and
/// ``DeltaSequential``.
///
/// A value type: every stream has its own state, copies are independent, and one layer can serve
/// any number of states at the same time. An empty state makes the next frame a first one. Memory:
/// the input and the output of every step.
public struct DeltaState: Sendable {
    struct Step: Sendable {
        /// The input with only the changes that have been propagated.
        var input: Tensor
        /// The step's result for that input.
        var output: Tensor
    }

    var steps: [Step] = []
    /// The version of the parameters with which the outputs were computed.
    var version = 0

    /// The outputs that were computed for the last frame, a map of the result's size; nil before the
    /// first frame.
    public internal(set) var computed: MaskPlan?

    /// The state before the first frame.
    public init() {}

    /// Whether there was no frame yet.
    public var isEmpty: Bool { steps.isEmpty }
}
