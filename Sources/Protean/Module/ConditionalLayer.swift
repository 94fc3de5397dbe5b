/// The output of a conditional layer: its result, its decision, and the executed cost.
public struct ConditionalOutput<Decision: Sendable>: Sendable {
    /// The result.
    public let output: Tensor
    /// The decision, such as the pixels that were computed.
    public let decision: Decision
    /// Multiply-adds of the whole layer and those executed, and other costs; see ``Cost``.
    public let cost: Cost
}

/// A module that decides from its input what it computes.
///
/// ``decided(_:)`` is what such a module implements; ``executed(_:)`` adds the cost of the call,
/// counted by the layers that ran.
public protocol ConditionalLayer: Module {
    /// The type of the decision, such as a ``MaskPlan``, a list of them, or the rows that left
    /// early.
    associatedtype Decision: Sendable

    /// The result and the decision that led to it.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func decided(_ x: Tensor) throws(ProteanError) -> (output: Tensor, decision: Decision)
}

extension ConditionalLayer {
    /// The result, the decision and the executed cost. An active trace gets the same events as from
    /// ``decided(_:)``.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func executed(_ x: Tensor) throws(ProteanError) -> ConditionalOutput<Decision> {
        let (result, cost) = try Trace.measuring { () throws(ProteanError) in try decided(x) }
        return ConditionalOutput(output: result.output, decision: result.decision, cost: cost)
    }
}
