import Protean

/// The recurrent attention model: looks at a few small glimpses of an image, one after the other,
/// and classifies from what it has seen; every glimpse is an exit.
///
/// Mnih, Heess, Graves, Kavukcuoglu, "Recurrent Models of Visual Attention", arXiv 1406.6247, with
/// the names and defaults of kevinzakka/recurrent-visual-attention. With the image x, the location
/// l = (x, y) in −1 … 1 and the state h:
/// ```
/// g = relu(fc3(relu(fc1(retina(x, l)))) + fc4(relu(fc2(l))))
/// h = relu(i2h(g) + h2h(h)),  y = log softmax(fc(h)),  next l = clamp(tanh(locator(h)) [+ σ · noise])
/// ```
/// Input `[batch, height, width, channels]`, output `[batch, classes]`: logarithms of probabilities.
/// Without sampling the first location is the centre and each next one the mean; see
/// ``sampling(seed:run:)``. The baseline's weights are loaded and not used.
public final class RecurrentAttention: HasExits {
    /// Sizes of the network.
    public struct Options: Sendable, Hashable {
        /// Height and width of a glimpse.
        public var patchSize = 8
        /// Regions of growing size per glimpse.
        public var patches = 1
        /// How much larger each region is than the one before.
        public var scale = 2
        /// Number of glimpses, and of exits.
        public var glimpses = 6
        /// Channels of the image.
        public var channels = 1
        /// Width of the layer after the retina.
        public var glimpseHidden = 128
        /// Width of the layer after the location.
        public var locationHidden = 128
        /// Size of the state.
        public var hidden = 256
        /// Number of classes.
        public var classes = 10
        /// Width of the locator's hidden layer, whose second layer is then named `fc_lt`; nil for
        /// none, as in the published weights.
        public var locatorHidden: Int?
        /// Standard deviation of sampled locations.
        public var deviation: Float = 0.17

        /// The published network.
        public init() {}
    }

    /// The sizes.
    public let options: Options
    /// The network with one exit per glimpse.
    public let exits: ExitNetwork
    /// Where the network stands in a model.
    public let label: Label? = Label()
    private let parts: RecurrentAttentionParts

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(_ options: Options = Options()) throws(ProteanError) {
        guard options.deviation.isFinite, options.deviation >= 0 else {
            throw .invalidOption(
                layer: "RecurrentAttention", option: "deviation", expected: "at least 0",
                found: "\(options.deviation)")
        }
        guard (1...1024).contains(options.glimpses) else {
            throw .invalidOption(
                layer: "RecurrentAttention", option: "glimpses", expected: "1...1024",
                found: "\(options.glimpses)")
        }
        self.options = options
        parts = try RecurrentAttentionParts(options)
        exits = try parts.network(glimpses: options.glimpses, sampling: nil)
    }

    /// `sensor`, `rnn`, `locator`, `classifier` and `baseliner`.
    public var submodules: [NamedModule] { parts.named }

    /// The last glimpse's log-probabilities, `[batch, classes]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try exits(x) }

    /// The same network with locations drawn at random: the first uniformly, each next one from a
    /// normal distribution around its mean.
    ///
    /// Draws follow from seed, run, glimpse and the row's number in the outermost batch
    /// (``RowScope``), so that they depend on nothing else.
    /// - Parameters:
    ///   - seed: of the draws.
    ///   - run: different runs draw different locations.
    /// - Throws: never for a network that was made.
    public func sampling(seed: UInt64, run: Int = 0) throws(ProteanError) -> ExitNetwork {
        let sampling = LocationSampling(seed: seed, run: run, deviation: options.deviation)
        return try parts.network(glimpses: options.glimpses, sampling: sampling)
    }

    /// The mean of the log-probabilities of `count` runs with sampled locations.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless `count` is at
    ///   least 1, and ``ProteanError`` when `x` does not fit.
    public func sampled(
        _ x: Tensor, count: Int, seed: UInt64
    ) throws(ProteanError) -> Tensor {
        guard count >= 1 else {
            throw .invalidOption(
                layer: "RecurrentAttention", option: "count", expected: "at least 1",
                found: "\(count)")
        }
        var sum = try sampling(seed: seed)(x)
        for run in 1..<max(count, 1) {
            sum = try Operations.add(sum, try sampling(seed: seed, run: run)(x))
        }
        return try sum * (1 / Float(count))
    }
}

/// Random locations that follow from a seed, a run and the row.
struct LocationSampling: Sendable {
    let seed: UInt64
    let run: Int
    let deviation: Float

    /// `means` moved by normal noise and clamped to −1 … 1; uniform ones at the first glimpse.
    func drawn(_ means: Tensor, glimpse: Int, rows: RowPlan) throws(ProteanError) -> Tensor {
        guard !means.isShapeOnly else { return means }
        var drawn = means
        let site = run << 10 | glimpse
        try drawn.withUnsafeMutableBufferPointer { values throws(ProteanError) in
            for index in values.indices {
                let row = rows.rows[index / 2], axis = index % 2
                if glimpse == 0 {
                    values[index] =
                        2 * CounterRandom.uniform(seed: seed, site: site, row: row, index: axis) - 1
                } else {
                    let noise = CounterRandom.normal(
                        seed: seed, site: site, row: row, index: axis)
                    values[index] = min(1, max(-1, values[index] + deviation * noise))
                }
            }
        }
        return drawn
    }
}

/// The layers of a recurrent attention model, which its glimpses share.
final class RecurrentAttentionParts: Sendable {
    let retina: Retina
    let fc1, fc2, fc3, fc4: Linear
    let i2h, h2h: Linear
    let locator: Linear
    let locatorLast: Linear?
    let classifier, baseliner: Linear

    init(_ options: RecurrentAttention.Options) throws(ProteanError) {
        let widths = [options.glimpseHidden, options.locationHidden]
        guard widths.allSatisfy((1...1 << 20).contains), (1...1024).contains(options.patchSize),
            (1...64).contains(options.patches), (1...1024).contains(options.channels)
        else {
            throw .invalidOption(
                layer: "RecurrentAttention",
                option: "glimpseHidden, locationHidden, patchSize, patches, channels",
                expected: "1 to 1048576, 1048576, 1024, 64 and 1024",
                found: "\(widths), \(options.patchSize), \(options.patches), \(options.channels)")
        }
        let features = widths[0] + widths[1], hidden = options.hidden
        retina = try Retina(
            size: options.patchSize, scales: options.patches, factor: options.scale)
        let pixels = options.patches * options.patchSize * options.patchSize * options.channels
        fc1 = try Linear(inputFeatures: pixels, outputFeatures: options.glimpseHidden)
        fc2 = try Linear(inputFeatures: 2, outputFeatures: options.locationHidden)
        fc3 = try Linear(inputFeatures: options.glimpseHidden, outputFeatures: features)
        fc4 = try Linear(inputFeatures: options.locationHidden, outputFeatures: features)
        i2h = try Linear(inputFeatures: features, outputFeatures: hidden)
        h2h = try Linear(inputFeatures: hidden, outputFeatures: hidden)
        locator = try Linear(inputFeatures: hidden, outputFeatures: options.locatorHidden ?? 2)
        locatorLast = try options.locatorHidden.map { (width) throws(ProteanError) in
            try Linear(inputFeatures: width, outputFeatures: 2)
        }
        classifier = try Linear(inputFeatures: hidden, outputFeatures: options.classes)
        baseliner = try Linear(inputFeatures: hidden, outputFeatures: 1)
    }

    var named: [NamedModule] {
        [
            NamedModule("sensor.fc1", fc1), NamedModule("sensor.fc2", fc2),
            NamedModule("sensor.fc3", fc3), NamedModule("sensor.fc4", fc4),
            NamedModule("rnn.i2h", i2h), NamedModule("rnn.h2h", h2h),
            NamedModule("locator.fc", locator),
        ] + (locatorLast.map { [NamedModule("locator.fc_lt", $0)] } ?? []) + [
            NamedModule("classifier.fc", classifier), NamedModule("baseliner.fc", baseliner),
        ]
    }

    func network(
        glimpses: Int, sampling: LocationSampling?
    ) throws(ProteanError) -> ExitNetwork {
        try ExitNetwork(
            parts: named,
            stages: (0..<glimpses).map {
                RecurrentGlimpse(index: $0, parts: self, sampling: sampling)
            },
            heads: (0..<glimpses).map { _ in RecurrentClassifier(parts: self) })
    }

    /// The mean of the next location.
    func location(after hidden: Tensor) throws(ProteanError) -> Tensor {
        guard let locatorLast else { return try locator(hidden, activation: .tanh) }
        return try locatorLast(try locator(hidden, activation: .relu), activation: .tanh)
    }

    /// What is seen at a location, and where.
    func glimpse(_ x: Tensor, at location: Tensor) throws(ProteanError) -> Tensor {
        let seen = try Operations.flatten(try retina(x, locations: location))
        let place = try fc4(try fc2(location, activation: .relu))
        return try fc3(
            try fc1(seen, activation: .relu),
            epilogue: Conv2dEpilogue(activation: .relu, residual: place))
    }

    /// The next state.
    func next(_ glimpse: Tensor, after hidden: Tensor) throws(ProteanError) -> Tensor {
        try i2h(
            glimpse, epilogue: Conv2dEpilogue(activation: .relu, residual: try h2h(hidden)))
    }
}

/// One glimpse: chooses a location, looks, and updates the state.
private final class RecurrentGlimpse: Stage {
    private let index: Int
    private let parts: RecurrentAttentionParts
    private let sampling: LocationSampling?

    init(index: Int, parts: RecurrentAttentionParts, sampling: LocationSampling?) {
        self.index = index
        self.parts = parts
        self.sampling = sampling
    }

    func run(_ features: inout Features) throws(ProteanError) {
        let x = try features.tensor("x"), batch = features.rows.count
        let size = parts.h2h.inputFeatures
        let hidden =
            index == 0
            ? try Tensor(zerosLike: x, shape: [batch, size])
            : try features.take("hidden")
        var location =
            index == 0
            ? try Tensor(zerosLike: x, shape: [batch, 2])
            : try parts.location(after: hidden)
        if let sampling {
            location = try sampling.drawn(
                location, glimpse: index, rows: RowScope.origin(batch: batch))
        }
        let glimpse = try parts.glimpse(x, at: location)
        try features.set("hidden", try parts.next(glimpse, after: hidden))
    }
}

/// The classes' log-probabilities from the state.
private final class RecurrentClassifier: ExitHead {
    private let parts: RecurrentAttentionParts

    init(parts: RecurrentAttentionParts) { self.parts = parts }

    func logits(
        _ features: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor {
        try Operations.logSoftmax(try parts.classifier(try features.tensor("hidden")))
    }
}

extension Tensor {
    /// Zeros, or a shape only if `model` carries a shape only.
    init(zerosLike model: Tensor, shape: [Int]) throws(ProteanError) {
        if model.isShapeOnly {
            try self.init(shapeOnly: shape)
        } else {
            try self.init(zeros: shape)
        }
    }
}
