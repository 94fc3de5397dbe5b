/// Which of several things in a weight file is meant.
public struct CheckpointSelection: Sendable, Equatable {
    /// The container that holds the weights, such as `params_ema`; containers inside containers are
    /// joined by dots, as in `ema.state_dict`. Nil lets the format choose, which
    /// ``Checkpoint/notes`` then tells. ``Checkpoint/containers`` lists what a file has.
    public var container: String?

    /// A selection; by default the format chooses everything.
    public init(container: String? = nil) { self.container = container }
}
