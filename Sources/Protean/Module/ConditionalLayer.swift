/// What a conditional layer gives: its result, what it decided, and what that took.
public struct ConditionalOutput<Decision: Sendable>: Sendable {
    /// The result.
    public let output: Tensor
    /// What was decided, such as the pixels that were computed.
    public let decision: Decision
    /// Multiply-adds of the whole layer and those executed, and other costs; see ``Cost``.
    public let cost: Cost
}

/// A module that decides by its input what it computes.
///
/// ``decided(_:)`` is what such a module implements; ``executed(_:)`` adds what the call took, counted by
/// the layers that ran.
public protocol ConditionalLayer: Module {
    /// What is decided: a ``MaskPlan``, a list of them, the rows that left.
    associatedtype Decision: Sendable

    /// The result and the decision behind it.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func decided(_ x: Tensor) throws(ProteanError) -> (output: Tensor, decision: Decision)
}

extension ConditionalLayer {
    /// The result, the decision and the executed cost. A trace that listens gets the same events as
    /// without.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func executed(_ x: Tensor) throws(ProteanError) -> ConditionalOutput<Decision> {
        let (result, cost) = try Trace.measuring { () throws(ProteanError) in try decided(x) }
        return ConditionalOutput(output: result.output, decision: result.decision, cost: cost)
    }
}
