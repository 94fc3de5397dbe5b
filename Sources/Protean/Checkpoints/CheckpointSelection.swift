/// Selects a part of a weight file.
public struct CheckpointSelection: Sendable, Equatable {
    /// The container that holds the weights, such as `params_ema`; containers inside containers are
    /// joined by dots, as in `ema.state_dict`. Nil lets the format choose; ``Checkpoint/notes``
    /// then reports the choice. ``Checkpoint/containers`` lists what a file has.
    public var container: String?

    /// A selection; by default the format chooses everything.
    public init(container: String? = nil) { self.container = container }
}
