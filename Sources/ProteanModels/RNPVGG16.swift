import Protean

/// VGG-16 whose every convolution computes the first groups of its channels only, as many as a policy
/// decides from the map before it: runtime neural pruning.
///
/// Lin, Rao, Lu, Zhou, "Runtime Neural Pruning", NIPS 2017. The channels of every convolution form
/// `groups` groups; action a computes the first a + 1 of them, and the next layer reads no others. The
/// policy sees the mean of each channel of the convolution's input: a linear encoder per layer gives a
/// code, an LSTM carries what was seen from layer to layer, and a linear decoder gives a value per action
/// (Q); the largest wins. The image network's names are torchvision's `vgg16`: `features.{i}.*`,
/// `classifier.{0,3,6}.*`, 138,357,544 parameters. The paper's code and weights were not published; the
/// policy's names are this package's own: `policy.encoders.{0…12}.*`, `policy.rnn.*` (as `LSTMCell`),
/// `policy.decoder.*`.
///
/// Input `[batch, height, width, 3]` of at least 32 × 32 pixels, output `[batch, classes]`. Rows of a
/// batch are computed in groups of equal width and get the bits they would get alone.
public final class RNPVGG16: Layer {
    // Channels of the convolutions of each block.
    private static let blocks = [
        [64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512],
    ]

    private struct Step: Sendable {
        let index: Int
        let conv: SlimmableConv2d
        let pools: Bool
    }

    /// Number of groups of every convolution's channels.
    public let groups: Int
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let steps: [Step]
    private let classifier: [Linear]
    private let policy: RNPPolicy
    private let pool: MaxPool2d

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - classes: size of the output.
    ///   - groups: groups per convolution; divides 64.
    ///   - code: features of the policy's encoders.
    ///   - hidden: units of the policy's LSTM.
    ///   - units: units of the classifier's hidden layers.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        classes: Int = 1000, groups: Int = 4, code: Int = 128, hidden: Int = 128,
        units: Int = 4096
    ) throws(ProteanError) {
        guard groups >= 1, 64 % groups == 0 else {
            throw .invalidOption(
                layer: "RNPVGG16", option: "groups", expected: "a divisor of 64", found: "\(groups)"
            )
        }
        self.groups = groups
        var steps: [Step] = [], index = 0, inputs = [3], sizes: [Int] = []
        for block in Self.blocks {
            for (position, width) in block.enumerated() {
                let widths = (1...groups).map { $0 * width / groups }
                let isLast = position == block.count - 1
                sizes.append(inputs[inputs.count - 1])
                steps.append(
                    Step(
                        index: index,
                        conv: try SlimmableConv2d(
                            inputs: inputs, outputs: widths, kernelSize: 3, padding: 1, bias: true,
                            activation: .relu, kept: 4),
                        pools: isLast))
                inputs = widths
                index += isLast ? 3 : 2
            }
        }
        self.steps = steps
        classifier = [
            try Linear(inputFeatures: 512 * 49, outputFeatures: units),
            try Linear(inputFeatures: units, outputFeatures: units),
            try Linear(inputFeatures: units, outputFeatures: classes),
        ]
        policy = try RNPPolicy(inputs: sizes, actions: groups, code: code, hidden: hidden)
        pool = try MaxPool2d(kernelSize: 2)
    }

    /// `features.{i}`, `classifier.{0,3,6}` and `policy`.
    public var submodules: [NamedModule] {
        steps.map { NamedModule("features.\($0.index)", $0.conv.convolution) }
            + zip([0, 3, 6], classifier).map { NamedModule("classifier.\($0)", $1) }
            + [NamedModule("policy", policy)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var parts = PrefixParts(x), state: LSTMCell.State?
        for (layer, step) in steps.enumerated() {
            let width = step.conv.inputs.last ?? 0
            let means = try parts.means(channels: width)
            let scores = try policy.values(means, layer: layer, state: &state)
            let actions = try decide(scores, layer: layer)
            parts = try parts.applying(actions) { (map, action) throws(ProteanError) in
                let y = try step.conv(map, width: step.conv.outputs[action])
                return step.pools ? try pool(y) : y
            }
        }
        return try head(try parts.joined(channels: 512))
    }

    /// Each row's action; all groups for a tensor without values.
    private func decide(_ scores: Tensor, layer: Int) throws(ProteanError) -> [Int] {
        let batch = scores.shape[0]
        if scores.isShapeOnly { return [Int](repeating: groups - 1, count: batch) }
        let choice = try DecisionSource.decide(
            site: "\(place).\(layer)", batch: batch, actions: groups
        ) { () throws(ProteanError) in try Rule.argmax.choose(scores, layer: place) }
        return choice.picks.map { $0.last?.action ?? groups - 1 }
    }

    private func head(_ map: Tensor) throws(ProteanError) -> Tensor {
        let pooled = try Operations.adaptiveAvgPool2d(map, outputSize: 7)
        // The classifier's weights are in the order of channels, rows, columns.
        let flat = try Operations.permute(pooled, [0, 3, 1, 2])
            .reshaped(to: [map.shape[0], 512 * 49])
        let first = try classifier[0](flat, activation: .relu)
        return try classifier[2](try classifier[1](first, activation: .relu))
    }
}

/// The decision network of ``RNPVGG16``: encoders per layer, a recurrent cell over layers, a decoder.
final class RNPPolicy: Module {
    private let encoders: [Linear]
    private let rnn: LSTMCell
    private let decoder: Linear
    let label: Label? = Label()

    init(inputs: [Int], actions: Int, code: Int, hidden: Int) throws(ProteanError) {
        var encoders: [Linear] = []
        for (index, size) in inputs.enumerated() {
            encoders.append(
                try Linear(inputFeatures: size, outputFeatures: code, seed: UInt64(index)))
        }
        self.encoders = encoders
        rnn = try LSTMCell(inputSize: code, hiddenSize: hidden)
        decoder = try Linear(inputFeatures: hidden, outputFeatures: actions)
    }

    var submodules: [NamedModule] {
        encoders.enumerated().map { NamedModule("encoders.\($0.offset)", $0.element) }
            + [NamedModule("rnn", rnn), NamedModule("decoder", decoder)]
    }

    /// Q of every action, `[batch, actions]`, from the means of the layer's input.
    func values(
        _ means: Tensor, layer: Int, state: inout LSTMCell.State?
    ) throws(ProteanError) -> Tensor {
        let code = try encoders[layer](means, activation: .relu)
        var next: LSTMCell.State
        if let state { next = state } else { next = try rnn.initialState(for: code.shape) }
        let hidden = try rnn(code, state: &next)
        state = next
        return try decoder(hidden)
    }
}
