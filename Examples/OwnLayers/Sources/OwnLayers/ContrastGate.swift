import Protean

/// A gate for each channel from its contrast, the sum of mean and standard deviation over the map.
///
/// `gate[n, c] = sigmoid(expand(relu(squeeze(mean[n, c] + deviation[n, c]))))`, the contrast-aware
/// channel attention of IMDN (Hui et al., arXiv 1909.11856). Wrap it in `Gated` to multiply by it.
/// Parameters: those of `squeeze` and `expand`, two linear layers.
public final class ContrastGate: Gate {
    /// Channels of the map.
    public let channels: Int
    /// Where the gate stands in a model.
    public let label: Label? = Label()
    private let squeeze: Linear
    private let expand: Linear

    /// A gate with initial values.
    public init(channels: Int, reduction: Int = 16) throws(ProteanError) {
        guard reduction >= 1, channels >= reduction else {
            throw .invalidOption(
                layer: "ContrastGate", option: "reduction", expected: "1...\(channels)",
                found: "\(reduction)")
        }
        self.channels = channels
        squeeze = try Linear(inputFeatures: channels, outputFeatures: channels / reduction)
        expand = try Linear(inputFeatures: channels / reduction, outputFeatures: channels)
    }

    /// `squeeze` and `expand`.
    public var submodules: [NamedModule] {
        [NamedModule("squeeze", squeeze), NamedModule("expand", expand)]
    }

    /// `[batch, channels]` for a map `[batch, height, width, channels]`.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, x.shape[3] == channels else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, height, width, \(channels)]",
                found: x.shape)
        }
        let contrast =
            try x.mean(axes: [1, 2])
            + x.standardDeviation(axes: [1, 2], unbiased: false)
        let hidden = try Operations.activate(squeeze(contrast), .relu)
        return try Operations.activate(expand(hidden), .sigmoid)
    }
}
