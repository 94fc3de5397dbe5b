import Protean

/// Decides where to look next: a recurrent network over maps of what was seen, as GFNet (arXiv
/// 2010.05300) and AdaFocus (arXiv 2105.03245) have it.
///
/// ```
/// s = encoder(map),  h = gru(s, h),  action = activation(actor(h))
/// ```
/// The encoder is two linear layers of 2048 and `hidden` units, or a 1 × 1 convolution to 32 channels
/// and one linear layer, each followed by a ReLU. Parameters: `state_encoder`, `gru`, `actor.0`,
/// `critic.0`; the critic's are loaded and not used.
public final class PatchPolicy: Module {
    /// Size of the state.
    public let hidden: Int
    /// Where the policy stands in a model.
    public let label: Label? = Label()
    private let channels, pixels: Int
    private let convolution: Conv2d?
    private let first: Linear?
    private let last: Linear
    private let gru: GRU
    private let actor, critic: Linear

    /// A policy with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: of the map.
    ///   - mapSize: height and width of the map.
    ///   - hidden: size of the state.
    ///   - convolves: whether the encoder begins with a convolution.
    ///   - actions: numbers that the actor gives.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, mapSize: Int, hidden: Int, convolves: Bool, actions: Int
    ) throws(ProteanError) {
        guard (1...1 << 16).contains(channels), (1...1024).contains(mapSize) else {
            throw .invalidOption(
                layer: "PatchPolicy", option: "channels, mapSize",
                expected: "1...65536 and 1...1024", found: "\(channels) and \(mapSize)")
        }
        self.hidden = hidden
        self.channels = channels
        pixels = mapSize * mapSize
        if convolves {
            convolution = try Conv2d(
                inputChannels: channels, outputChannels: 32, kernelSize: 1, bias: false)
            first = nil
            last = try Linear(inputFeatures: 32 * pixels, outputFeatures: hidden)
        } else {
            convolution = nil
            first = try Linear(inputFeatures: channels * pixels, outputFeatures: 2048)
            last = try Linear(inputFeatures: 2048, outputFeatures: hidden)
        }
        gru = try GRU(inputSize: hidden, hiddenSize: hidden)
        actor = try Linear(inputFeatures: hidden, outputFeatures: actions)
        critic = try Linear(inputFeatures: hidden, outputFeatures: 1)
    }

    /// `state_encoder`, `gru`, `actor.0` and `critic.0`.
    public var submodules: [NamedModule] {
        var parts: [NamedModule] = []
        if let convolution { parts.append(NamedModule("state_encoder.0", convolution)) }
        if let first { parts.append(NamedModule("state_encoder.0", first)) }
        parts.append(NamedModule(first == nil ? "state_encoder.3" : "state_encoder.2", last))
        return parts + [
            NamedModule("gru", gru), NamedModule("actor.0", actor), NamedModule("critic.0", critic),
        ]
    }

    /// The next action's numbers before any activation, and the next state.
    ///
    /// - Parameters:
    ///   - map: `[batch, size, size, channels]`.
    ///   - state: `[batch, hidden]`; nil for zeros.
    ///   - activation: of the actor.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func step(
        _ map: Tensor, state: Tensor?, activation: Activation = .identity
    ) throws(ProteanError) -> (action: Tensor, state: Tensor) {
        guard map.rank == 4, map.shape[1] * map.shape[2] == pixels, map.shape[3] == channels else {
            throw .shapeMismatch(
                layer: place, tensor: "map", expected: "\(pixels) pixels of \(channels) channels",
                found: map.shape)
        }
        let relu = Conv2dEpilogue(activation: .relu)
        var seen = map
        if let convolution { seen = try convolution(map, epilogue: relu) }
        seen = try Operations.flatten(seen)
        if let first { seen = try first(seen, activation: .relu) }
        let next = try gru.step(try last(seen, activation: .relu), state: state)
        return (try actor(next, activation: activation), next)
    }
}

extension GRU {
    /// One step of one layer: `x` `[batch, input]`, the state `[batch, hidden]` or nil for zeros.
    func step(_ x: Tensor, state: Tensor?) throws(ProteanError) -> Tensor {
        let batch = x.shape[0]
        let result = try run(
            try x.reshaped(to: [batch, 1, inputSize]),
            initial: try state?.reshaped(to: [1, batch, hiddenSize]))
        return try result.hidden.reshaped(to: [batch, hiddenSize])
    }
}
