/// A module that is applied to a sequence of tensors and keeps a state between calls: a recurrent
/// cell, a layer over the frames of a video.
///
/// The state is a value that the caller holds: modules stay `Sendable` and immutable, one module
/// serves any number of streams at the same time, and copies of a state are independent.
/// ``StatefulSequential`` applies such modules and plain layers in sequence.
///
/// ```swift
/// var state = try cell.initialState(for: frames[0].shape)
/// for frame in frames { outputs.append(try cell(frame, state: &state)) }
/// ```
public protocol StatefulLayer: Module {
    /// The state kept from one call to the next.
    associatedtype State: Sendable

    /// The state before the first call, for inputs of shape `input`.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit.
    func initialState(for input: [Int]) throws(ProteanError) -> State

    /// The result for `x` and the current state, which is replaced by the next state.
    ///
    /// - Throws: ``ProteanError`` when `x` or the state does not fit.
    func callAsFunction(_ x: Tensor, state: inout State) throws(ProteanError) -> Tensor

    /// How the layer changes the number of channels; ``ChannelFlow/unknown`` unless a layer
    /// overrides it.
    var channelFlow: ChannelFlow { get }
}

extension StatefulLayer {
    /// Nothing is known.
    public var channelFlow: ChannelFlow { .unknown }
}
