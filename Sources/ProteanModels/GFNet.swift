import Protean

/// Glance and focus: classifies a small copy of the image first, and then patches of the image one
/// after the other until it is sure; every patch is an exit.
///
/// Wang, Lv, Huang, Song, Yang, Huang, "Glance and Focus: a Dynamic Approach to Reducing Spatial
/// Redundancy in Image Classification", arXiv 2010.05300, with the names of the authors' network:
/// `model` sees patches, `model_prime` the small copy, `policy` chooses places, `fc` classifies with a
/// recurrent unit over what was seen. The copy is resized with aligned corners to the patches' size;
/// the place (a₀, a₁) = sigmoid(…) gives row ⌊a₀ · (height − P)⌋ and column ⌊a₁ · (width − P)⌋. At
/// inference places are the policy's means.
///
/// Input `[batch, height, width, 3]`, at least P in height and width, output `[batch, classes]`.
public final class GFNet: HasExits {
    /// Sizes of the network.
    public struct Options: Sendable, Hashable {
        /// Form and number of the backbones' blocks.
        public var block = ResNet.Block.bottleneck
        /// Blocks of each stage.
        public var stages = [3, 4, 6, 3]
        /// Classes.
        public var classes = 1000
        /// Height and width of patches and of the small copy.
        public var patchSize = 96
        /// Looks, the glance among them.
        public var steps = 5
        /// Size of the policy's state.
        public var policyHidden = 1024
        /// Whether the policy's encoder begins with a convolution.
        public var policyConvolves = false
        /// Size of the classifier's state.
        public var classifierHidden = 1024
        /// Whether the small copy is made by bicubic instead of bilinear interpolation.
        public var isBicubic = true

        /// The published ResNet-50 with patches of 96.
        public init() {}
    }

    /// The sizes.
    public let options: Options
    /// The network with one exit per look.
    public let exits: ExitNetwork
    /// Where the network stands in a model.
    public let label: Label? = Label()

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(_ options: Options = Options()) throws(ProteanError) {
        guard (1...1024).contains(options.steps), (32...4096).contains(options.patchSize) else {
            throw .invalidOption(
                layer: "GFNet", option: "steps, patchSize", expected: "1...1024 and 32...4096",
                found: "\(options.steps) and \(options.patchSize)")
        }
        self.options = options
        let parts = try GFNetParts(options)
        var stages: [any Stage] = [Glance(parts: parts)]
        for _ in 1..<max(options.steps, 1) { stages.append(Focus(parts: parts)) }
        exits = try ExitNetwork(
            parts: parts.named, stages: stages,
            heads: stages.map { _ in LayerHead(parts.classifier, reads: "seen") })
    }

    /// `model`, `model_prime`, `policy` and `fc`.
    public var submodules: [NamedModule] { exits.submodules }

    /// The last look's logits, `[batch, classes]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try exits(x) }
}

/// The parts that the looks share.
private final class GFNetParts: Sendable {
    let model, modelPrime: ResNet
    let policy: PatchPolicy
    let recurrent: GRU
    let classifier: Linear
    let patch: RegionGather
    let glanceMode: ResizeMode
    let pool = GlobalAveragePool2d()

    init(_ options: GFNet.Options) throws(ProteanError) {
        model = try ResNet(
            block: options.block, stages: options.stages, classes: options.classes)
        modelPrime = try ResNet(
            block: options.block, stages: options.stages, classes: options.classes)
        let channels = model.featureChannels
        policy = try PatchPolicy(
            channels: channels, mapSize: (options.patchSize + 31) / 32,
            hidden: options.policyHidden, convolves: options.policyConvolves, actions: 2)
        recurrent = try GRU(inputSize: channels, hiddenSize: options.classifierHidden)
        classifier = try Linear(
            inputFeatures: options.classifierHidden, outputFeatures: options.classes)
        patch = try RegionGather(size: Size2d(options.patchSize), placement: .fractions)
        glanceMode =
            options.isBicubic ? .bicubic(alignCorners: true) : .bilinear(alignCorners: true)
    }

    var named: [NamedModule] {
        [
            NamedModule("model", model), NamedModule("model_prime", modelPrime),
            NamedModule("policy", policy), NamedModule("fc.rnn", recurrent),
            NamedModule("fc.fc", classifier),
        ]
    }

    /// Adds a map to what the classifier has seen, and keeps it for the policy.
    func see(_ map: Tensor, _ features: inout Features, isFirst: Bool) throws(ProteanError) {
        let before = isFirst ? nil : try features.take("seen")
        try features.set("seen", try recurrent.step(try pool(map), state: before))
        try features.set("map", map)
    }
}

/// The small copy of the image.
private final class Glance: Stage {
    private let parts: GFNetParts
    init(parts: GFNetParts) { self.parts = parts }

    func run(_ features: inout Features) throws(ProteanError) {
        let x = try features.tensor("x"), size = parts.patch.size
        guard x.rank == 4, x.shape[1] >= size.height, x.shape[2] >= size.width else {
            throw .shapeMismatch(
                layer: "GFNet", tensor: "x",
                expected: "[batch, height, width, 3] of at least \(size)", found: x.shape)
        }
        let small = try Operations.resize(x, to: size, mode: parts.glanceMode)
        try parts.see(try parts.modelPrime.features(small), &features, isFirst: true)
    }
}

/// One patch of the image.
private final class Focus: Stage {
    private let parts: GFNetParts
    init(parts: GFNetParts) { self.parts = parts }

    func run(_ features: inout Features) throws(ProteanError) {
        let state = features.names.contains("policy") ? try features.take("policy") : nil
        let next = try parts.policy.step(
            try features.take("map"), state: state, activation: .sigmoid)
        try features.set("policy", next.state)
        let patches = try parts.patch(try features.tensor("x"), locations: next.action)
        try parts.see(try parts.model.features(patches), &features, isFirst: false)
    }
}
