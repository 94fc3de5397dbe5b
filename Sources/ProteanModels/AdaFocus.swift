import Protean

/// Adaptive focus for videos: of every frame a small network sees all, and a large one only the patch
/// that a policy chose; a recurrent unit classifies what was seen so far. Every frame is an exit.
///
/// Wang, Chen, Jiang, Song, Han, Huang, "Adaptive Focus for Efficient Video Recognition", arXiv
/// 2105.03245, with the authors' names. For each frame, with the state kept over frames:
/// ```
/// map = MobileNetV2(frame),  action = argmax(policy(map)),  patch = crop(frame, grid[action])
/// seen = gru([mean(map), mean(ResNet(patch))], seen),  logits = fc(seen)
/// ```
/// Places are a grid of 7 × 7: action 7 i + j is the patch whose corner lies at i / 6 and j / 6 of the
/// free space. Input `[batch, frames, height, width, 3]`, output `[batch, classes]`. Frames of another
/// size than the glance's are resized bilinearly for it. Of the two policies in a file the one named
/// `policy_old` decides, as in the authors' code.
public final class AdaFocus: HasExits {
    /// Sizes of the network.
    public struct Options: Sendable, Hashable {
        /// Frames of a video, and exits.
        public var frames = 16
        /// Height and width of what the small network sees.
        public var glanceSize = 224
        /// Height and width of a patch.
        public var patchSize = 96
        /// Places along each axis.
        public var grid = 7
        /// Form of the large network's blocks.
        public var block = ResNet.Block.bottleneck
        /// Blocks of each stage of the large network.
        public var stages = [3, 4, 6, 3]
        /// Size of the policy's state.
        public var policyHidden = 1024
        /// Size of the classifier's state.
        public var hidden = 1024
        /// Classes.
        public var classes = 200

        /// The published network for ActivityNet.
        public init() {}
    }

    /// The sizes.
    public let options: Options
    /// The network with one exit per frame.
    public let exits: ExitNetwork
    /// Where the network stands in a model.
    public let label: Label? = Label()

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(_ options: Options = Options()) throws(ProteanError) {
        guard (1...1024).contains(options.frames), (2...64).contains(options.grid),
            (32...4096).contains(options.glanceSize), (1...4096).contains(options.patchSize)
        else {
            throw .invalidOption(
                layer: "AdaFocus", option: "frames, grid, glanceSize, patchSize",
                expected: "1...1024, 2...64, 32...4096 and 1...4096",
                found: "\(options.frames), \(options.grid), \(options.glanceSize), "
                    + "\(options.patchSize)")
        }
        self.options = options
        let parts = try AdaFocusParts(options)
        exits = try ExitNetwork(
            parts: parts.named,
            stages: (0..<options.frames).map { AdaFocusFrame(index: $0, parts: parts) },
            heads: (0..<options.frames).map { _ in LayerHead(parts.classifier, reads: "seen") })
    }

    /// `glancer.net`, `focuser.net`, `focuser.policy` and `classifier`.
    public var submodules: [NamedModule] { exits.submodules }

    /// The logits after the last frame.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try exits(x) }
}

/// The parts that the frames share.
private final class AdaFocusParts: Sendable {
    let options: AdaFocus.Options
    let glancer: MobileNetV2
    let focuser: ResNet
    let trained, policy: PatchPolicy
    let recurrent: GRU
    let classifier: Linear
    let patch: RegionGather
    let pool = GlobalAveragePool2d()

    init(_ options: AdaFocus.Options) throws(ProteanError) {
        self.options = options
        glancer = try MobileNetV2(classes: options.classes)
        focuser = try ResNet(
            block: options.block, stages: options.stages, classes: options.classes)
        func makePolicy() throws(ProteanError) -> PatchPolicy {
            try PatchPolicy(
                channels: 1280, mapSize: (options.glanceSize + 31) / 32,
                hidden: options.policyHidden, convolves: true,
                actions: options.grid * options.grid)
        }
        trained = try makePolicy()
        policy = try makePolicy()
        recurrent = try GRU(
            inputSize: 1280 + focuser.featureChannels, hiddenSize: options.hidden)
        classifier = try Linear(inputFeatures: options.hidden, outputFeatures: options.classes)
        patch = try RegionGather(size: Size2d(options.patchSize))
    }

    var named: [NamedModule] {
        [
            NamedModule("glancer.net", glancer), NamedModule("focuser.net", focuser),
            NamedModule("focuser.policy.policy", trained),
            NamedModule("focuser.policy.policy_old", policy),
            NamedModule("classifier.gru", recurrent), NamedModule("classifier.fc", classifier),
        ]
    }

    /// The places of the highest scores, `[batch, 2]` as shares of the free space.
    func places(_ scores: Tensor) throws(ProteanError) -> Tensor {
        let batch = scores.shape[0]
        guard !scores.isShapeOnly else { return try Tensor(shapeOnly: [batch, 2]) }
        guard batch > 0 else { return try Tensor(zeros: [0, 2]) }
        let last = Double(options.grid - 1)
        let actions = try Operations.argMax(scores, axis: 1).elements.map { Int($0) }
        let pairs = actions.flatMap { action in
            [action / options.grid, action % options.grid].map { Float(Double($0) / last) }
        }
        return try Tensor(pairs, shape: [batch, 2])
    }
}

/// One frame: glance, decide, focus, update.
private final class AdaFocusFrame: Stage {
    private let index: Int
    private let parts: AdaFocusParts

    init(index: Int, parts: AdaFocusParts) {
        self.index = index
        self.parts = parts
    }

    func run(_ features: inout Features) throws(ProteanError) {
        let video = try features.tensor("x"), frames = parts.options.frames
        guard video.rank == 5, video.shape[1] == frames, video.shape[4] == 3 else {
            throw .shapeMismatch(
                layer: "AdaFocus", tensor: "x", expected: "[batch, \(frames), height, width, 3]",
                found: video.shape)
        }
        let frame = try Operations.slice(video, [.all, AxisSlice(index..<index + 1)])
            .reshaped(to: [video.shape[0]] + video.shape[2...])
        let glance = Size2d(parts.options.glanceSize)
        let isFitting = frame.shape[1] == glance.height && frame.shape[2] == glance.width
        let small =
            isFitting
            ? frame
            : try Operations.resize(frame, to: glance, mode: .bilinear(alignCorners: false))
        let map = try parts.glancer.features(small)
        let before = index == 0 ? nil : try features.take("policy")
        let decision = try parts.policy.step(map, state: before)
        try features.set("policy", decision.state)
        let patches = try parts.patch(frame, locations: try parts.places(decision.action))
        let local = try parts.pool(try parts.focuser.features(patches))
        let seen = try Operations.concatenate([try parts.pool(map), local], axis: 1)
        let state = index == 0 ? nil : try features.take("seen")
        try features.set("seen", try parts.recurrent.step(seen, state: state))
    }
}
