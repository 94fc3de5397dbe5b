/// Glances at every frame of a video and focuses on one patch of each: Wang et al., "Adaptive Focus for
/// Efficient Video Recognition", arXiv 2105.03245.
///
/// The glancer sees every frame at its resolution and gives a map. A policy reads the map,
/// `relu(fc relu(conv map))`, through a GRU that carries on from frame to frame, and chooses one of
/// g × g places, row first; the patch of the frame with top left corner `⌊a · (size - patch)⌋`, a the
/// place's coordinates in 0...1, goes to the focuser. A second GRU reads the mean of the map beside the
/// focuser's vector, and a linear layer classifies; the last frame's classes are the result.
/// Every frame is seen; what is saved is the focuser's work on all but the patch.
///
/// Parameters: `glancer.net`, `focuser.net`, `focuser.policy.policy.{state_encoder.0, state_encoder.3,
/// gru, actor.0}`, `classifier.{gru, fc}`; as in the reference.
public final class AdaFocus: Module {
    /// What ``run(_:)`` returns.
    public struct Result: Sendable {
        /// The last frame's classes, `[batch, classes]`.
        public let logits: Tensor
        /// Every frame's classes, `[batch, time, classes]`.
        public let all: Tensor
        /// The chosen place of every frame, row first, 0 ..< g².
        public let places: [[Int]]
        /// Multiply-adds executed for each video.
        public let executed: [Int]
    }

    /// The sizes of the policy and the classifier.
    public struct Sizes: Sendable {
        /// Height and width at which the glancer sees a frame.
        public var glance: Int
        /// Channels of the glancer's map.
        public var channels: Int
        /// Pixels of the glancer's map, height times width.
        public var pixels: Int
        /// Features of the focuser's vector.
        public var local: Int
        /// Height and width of the patch.
        public var patch: Int
        /// Places along each side.
        public var grid: Int
        /// Units of the policy's GRU.
        public var policy: Int
        /// Units of the classifier's GRU.
        public var hidden: Int
        /// Classes.
        public var classes: Int

        /// Sizes; the defaults are the paper's for MobileNetV2 and ResNet-50 at 224 pixels.
        public init(
            glance: Int = 224, channels: Int = 1_280, pixels: Int = 49, local: Int = 2_048,
            patch: Int = 128, grid: Int = 7, policy: Int = 1_024, hidden: Int = 1_024,
            classes: Int = 200
        ) {
            self.glance = glance
            self.channels = channels
            self.pixels = pixels
            self.local = local
            self.patch = patch
            self.grid = grid
            self.policy = policy
            self.hidden = hidden
            self.classes = classes
        }
    }

    /// `glancer`, `focuser` and `classifier`.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let glancer: any Layer, focuser: any Layer
    private let reduce: Conv2d, encode: Linear, policy: GRU, actor: Linear
    private let memory: GRU, classifier: Linear
    private let sizes: Sizes
    private let rule: Rule

    /// A network.
    ///
    /// - Parameters:
    ///   - glancer: frames to maps.
    ///   - focuser: patches to vectors.
    ///   - sizes: of everything else.
    ///   - rule: how the actor's scores become a place; a sampling rule draws from their softmax.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        glancer: any Layer, focuser: any Layer, sizes: Sizes = Sizes(), rule: Rule = .argmax,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "AdaFocus"
        try checkOption(sizes.glance, "glance", in: 1...OptionLimits.length, layer: layer)
        try checkOption(sizes.patch, "patch", in: 1...OptionLimits.length, layer: layer)
        try checkOption(sizes.grid, "grid", in: 2...OptionLimits.depth, layer: layer)
        try checkOption(sizes.pixels, "pixels", in: 1...OptionLimits.channels / 32, layer: layer)
        self.glancer = glancer
        self.focuser = focuser
        self.sizes = sizes
        self.rule = rule
        reduce = try Conv2d(
            inputChannels: sizes.channels, outputChannels: 32, kernelSize: 1, bias: false,
            seed: seed)
        encode = try Linear(
            inputFeatures: 32 * sizes.pixels, outputFeatures: sizes.policy, seed: seed &+ 1)
        policy = try GRU(inputSize: sizes.policy, hiddenSize: sizes.policy, seed: seed &+ 2)
        actor = try Linear(
            inputFeatures: sizes.policy, outputFeatures: sizes.grid * sizes.grid, seed: seed &+ 40)
        memory = try GRU(
            inputSize: sizes.channels + sizes.local, hiddenSize: sizes.hidden, seed: seed &+ 41)
        classifier = try Linear(
            inputFeatures: sizes.hidden, outputFeatures: sizes.classes, seed: seed &+ 80)
        func group(_ parts: [(String, any Module)]) -> ParameterGroup {
            ParameterGroup(submodules: parts.map { NamedModule($0.0, $0.1) })
        }
        let encoder = group([("0", reduce), ("3", encode)])
        let agent = group([
            ("state_encoder", encoder), ("gru", policy), ("actor", group([("0", actor)])),
        ])
        submodules = [
            NamedModule("glancer", group([("net", glancer)])),
            NamedModule(
                "focuser", group([("net", focuser), ("policy", group([("policy", agent)]))])),
            NamedModule("classifier", group([("gru", memory), ("fc", classifier)])),
        ]
    }

    /// Classifies videos `[batch, time, height, width, channels]` of at least one frame, not smaller than
    /// the patch.
    ///
    /// - Throws: ``ProteanError`` when the frames do not fit.
    public func run(_ videos: Tensor) throws(ProteanError) -> Result {
        let frames = try FrameBatch(videos, layer: place)
        let (batch, time) = (frames.batch, frames.time)
        try checkOption(time, "time", in: 1...OptionLimits.points, layer: place)
        let maps = try glance(frames)
        // Maps do not depend on decisions, so the policy's and the classifier's GRU see all frames.
        let encoded = try encode(
            Operations.flatten(Operations.activate(reduce(maps), .relu)), activation: .relu)
        let states = try policy(encoded.reshaped(to: [batch, time, sizes.policy]))
        let scores = try actor(states).reshaped(to: [batch * time, actor.outputFeatures])
        let actions = try rule.actions(scores)
        let local = try focuser.vectors(patches(frames, actions))
        let global = try Operations.globalAveragePool(maps).reshaped(
            to: [batch * time, sizes.channels])
        let joined = try Operations.concatenate([global, local], axis: 1)
        guard joined.shape[1] == memory.inputSize else {
            throw .shapeMismatch(
                layer: place, tensor: "features",
                expected: "[\(batch * time), \(memory.inputSize)]",
                found: joined.shape)
        }
        let seen = try memory(joined.reshaped(to: [batch, time, memory.inputSize]))
        let all = try classifier(seen)
        let last = try Operations.slice(all, [.all, AxisSlice(time - 1..<time)])
        return Result(
            logits: try last.reshaped(to: [batch, sizes.classes]), all: all,
            places: (0..<batch).map { Array(actions[$0 * time..<($0 + 1) * time]) },
            executed: [Int](repeating: time * (try cost(frames)), count: batch))
    }

    private func glance(_ frames: FrameBatch) throws(ProteanError) -> Tensor {
        var x = frames.all
        if x.shape[1] != sizes.glance || x.shape[2] != sizes.glance {
            x = try Operations.resize(
                x, to: Size2d(height: sizes.glance, width: sizes.glance),
                mode: .bilinear(alignCorners: false))
        }
        let maps = try glancer(x)
        guard maps.rank == 4, maps.shape[1] * maps.shape[2] == sizes.pixels,
            maps.shape[3] == sizes.channels
        else {
            throw .shapeMismatch(
                layer: place, tensor: "glancer's map",
                expected: "\(sizes.pixels) pixels of \(sizes.channels) channels", found: maps.shape)
        }
        return maps
    }

    /// The patch of every frame.
    private func patches(_ frames: FrameBatch, _ actions: [Int]) throws(ProteanError) -> Tensor {
        let shape = frames.frameShape
        guard shape[1] >= sizes.patch, shape[2] >= sizes.patch else {
            throw .shapeMismatch(
                layer: place, tensor: "frames", expected: "at least \(sizes.patch) pixels each way",
                found: shape)
        }
        let last = Float(sizes.grid - 1)
        let corners = actions.map { action in
            (
                top: Int(
                    (Float(action / sizes.grid) / last * Float(shape[1] - sizes.patch))
                        .rounded(.down)),
                left: Int(
                    (Float(action % sizes.grid) / last * Float(shape[2] - sizes.patch))
                        .rounded(.down))
            )
        }
        return try Self.crop(frames.all, corners, sizes.patch)
    }

    /// Squares of the maps with the given top left corners, one each.
    private static func crop(
        _ x: Tensor, _ corners: [(top: Int, left: Int)], _ size: Int
    ) throws(ProteanError) -> Tensor {
        let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
        var y = try Tensor(uninitialized: [x.shape[0], size, size, channels], for: "AdaFocus")
        let line = size * channels
        try x.withUnsafeBufferPointer { source throws(ProteanError) in
            try y.withUnsafeMutableBufferPointer { target throws(ProteanError) in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for (sample, corner) in corners.enumerated() {
                    for row in 0..<size {
                        let pixel = (sample * height + corner.top + row) * width + corner.left
                        (to + (sample * size + row) * line).update(
                            from: from + pixel * channels, count: line)
                    }
                }
            }
        }
        return y
    }

    /// Multiply-adds per frame.
    private func cost(_ frames: FrameBatch) throws(ProteanError) -> Int {
        let channels = frames.frameShape[3]
        let seen = try glancer.multiplyAdds(forOne: [1, sizes.glance, sizes.glance, channels])
        let focused = try focuser.multiplyAdds(forOne: [1, sizes.patch, sizes.patch, channels])
        let linears = [encode, actor, classifier].reduce(0) {
            $0 + $1.inputFeatures * $1.outputFeatures
        }
        return seen + focused + linears + 32 * sizes.channels * sizes.pixels
            + 6 * sizes.policy * sizes.policy
            + 3 * sizes.hidden * (memory.inputSize + sizes.hidden)
    }
}
