/// Chooses for each frame of a video the resolution and the network that looks at it, or skips it:
/// Meng et al., "AR-Net: Adaptive Frame Resolution for Efficient Action Recognition", arXiv 2007.15796.
///
/// A light network reads every frame at the policy's resolution; an LSTM cell and a linear layer score
/// the actions: one per backbone, with `policyAlsoClassifies` the light network's own classifier, then
/// one per skip length. The chosen backbone runs on the frame at its resolution; a skip of n keeps h
/// and the action for n frames, this one included. The result is the mean of the chosen
/// classifications; a video that skips all has zeros.
///
/// As in the reference, h stays during a skip while c goes on. With `leaps`, c stays as well, and the
/// light network does not look at skipped frames: cheaper, and not what the reference computes.
/// Frames come at one resolution and are resized for each network, bilinear, without corners aligned.
///
/// Parameters: `lite_backbone`, `rnn` (an ``LSTMCell``), `linear`, `lite_fc`, `base_model_list.{i}`,
/// `new_fc_list.{i}`.
public final class ARNet: Module {
    /// A network that looks at frames.
    public struct Backbone: Sendable {
        /// Frames to features.
        public var network: any Layer
        /// Features of the network.
        public var features: Int
        /// Height and width of its frames.
        public var resolution: Int

        /// A network with its features and resolution.
        public init(_ network: any Layer, features: Int, resolution: Int) {
            self.network = network
            self.features = features
            self.resolution = resolution
        }
    }

    /// What ``run(_:)`` returns.
    public struct Result: Sendable {
        /// `[batch, classes]`.
        public let logits: Tensor
        /// For each video the action at each frame: a backbone, the light classifier, or a skip.
        public let actions: [[Int]]
        /// Multiply-adds executed for each video.
        public let executed: [Int]
    }

    /// All parts under the reference's names.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let light: Backbone
    private let backbones: [Backbone]
    private let cell: LSTMCell
    private let linear: Linear, lightClassifier: Linear
    private let classifiers: [Linear]
    private let skips: [Int]
    private let policyAlsoClassifies: Bool, leaps: Bool
    private let rule: Rule

    /// A network.
    ///
    /// - Parameters:
    ///   - light: the policy's network.
    ///   - backbones: the networks to choose from, at least one.
    ///   - classes: of every classifier.
    ///   - hiddenSize: units of the policy's cell.
    ///   - skips: how many frames each skip leaves out, at least 1 each.
    ///   - policyAlsoClassifies: whether the light network's classifier can be chosen.
    ///   - leaps: whether skipped frames are not looked at by the light network either.
    ///   - rule: how scores become an action; a sampling rule draws from their softmax, as the reference
    ///     does with Gumbel noise.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        light: Backbone, backbones: [Backbone], classes: Int, hiddenSize: Int = 512,
        skips: [Int] = [1, 2, 4], policyAlsoClassifies: Bool = true, leaps: Bool = false,
        rule: Rule = .argmax, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "ARNet"
        try checkOption(backbones.count, "backbones", in: 1...OptionLimits.experts, layer: layer)
        for skip in skips {
            try checkOption(skip, "skips", in: 1...OptionLimits.length, layer: layer)
        }
        for part in [light] + backbones {
            try checkOption(
                part.resolution, "resolution", in: 1...OptionLimits.length, layer: layer)
        }
        self.light = light
        self.backbones = backbones
        self.skips = skips
        self.policyAlsoClassifies = policyAlsoClassifies
        self.leaps = leaps
        self.rule = rule
        cell = try LSTMCell(inputSize: light.features, hiddenSize: hiddenSize, seed: seed)
        let actions = backbones.count + (policyAlsoClassifies ? 1 : 0) + skips.count
        linear = try Linear(inputFeatures: hiddenSize, outputFeatures: actions, seed: seed &+ 8)
        lightClassifier = try Linear(
            inputFeatures: hiddenSize, outputFeatures: classes, seed: seed &+ 9)
        var classifiers: [Linear] = []
        for (index, part) in backbones.enumerated() {
            classifiers.append(
                try Linear(
                    inputFeatures: part.features, outputFeatures: classes,
                    seed: seed &+ UInt64(16 + index)))
        }
        self.classifiers = classifiers
        submodules = [
            NamedModule("lite_backbone", light.network), NamedModule("rnn", cell),
            NamedModule("linear", linear), NamedModule("lite_fc", lightClassifier),
            NamedModule("base_model_list", ParameterGroup(numbering: backbones.map(\.network))),
            NamedModule("new_fc_list", ParameterGroup(numbering: classifiers)),
        ]
    }

    /// Number of actions that look at a frame; those above skip.
    public var lookingActions: Int { backbones.count + (policyAlsoClassifies ? 1 : 0) }

    /// Classifies videos `[batch, time, height, width, channels]`.
    ///
    /// - Throws: ``ProteanError`` when the frames do not fit.
    public func run(_ videos: Tensor) throws(ProteanError) -> Result {
        let frames = try FrameBatch(videos, layer: place)
        var run = ARNetRun(batch: frames.batch, state: try cell.zeroState(batch: frames.batch))
        let costs =
            try Self.cost(light, frames) + cell.multiplyAddsPerStep
            + linear.inputFeatures * linear.outputFeatures
        for step in 0..<frames.time {
            let all = RowPlan(all: frames.batch)
            let looking = leaps ? RowPlan(where: run.left.map { $0 == 0 }) : all
            try decide(step, frames, looking, costs, &run)
        }
        let logits = try classify(frames, &run)
        return Result(logits: logits, actions: run.actions, executed: run.executed)
    }

    /// The policy's step for the rows that it looks at.
    private func decide(
        _ step: Int, _ frames: FrameBatch, _ rows: RowPlan, _ cost: Int, _ run: inout ARNetRun
    ) throws(ProteanError) {
        var chosen = [Int](repeating: 0, count: frames.batch)
        if !rows.isEmpty {
            let places = rows.rows.map { SequencePlace(row: $0, step: step) }
            let x = try Self.features(light, frames, places)
            var compact: [Tensor] = []
            for tensor in run.state { compact.append(try Operations.gatherRows(tensor, rows)) }
            var counts = [Int](repeating: 0, count: rows.count)
            let next = try cell.step(x, compact, executed: &counts)
            let fresh = try rule.actions(linear(next[0]))
            let lights =
                policyAlsoClassifies ? try lightClassifier(next[0]) : nil
            for (index, row) in rows.rows.enumerated() {
                chosen[row] = fresh[index]
                run.executed[row] += cost
            }
            // During a skip h stays, whatever the cell has made of it.
            let awake = RowPlan(where: rows.rows.map { run.left[$0] == 0 })
            let awakeRows = try rows.narrowed(to: awake)
            try Operations.scatterRows(
                try Operations.gatherRows(next[0], awake), awakeRows, into: &run.state[0])
            try Operations.scatterRows(next[1], rows, into: &run.state[1])
            if let lights { try run.keep(lights, rows, step) }
        }
        for row in 0..<frames.batch {
            if run.left[row] > 0 {
                chosen[row] = run.actions[row].last ?? 0
            } else if chosen[row] >= lookingActions {
                run.left[row] = skips[chosen[row] - lookingActions]
            }
            run.left[row] = max(run.left[row] - 1, 0)
            run.actions[row].append(chosen[row])
        }
        DecisionTrace.note(
            site: place, rows: RowScope.origin(batch: frames.batch),
            try Choice(chosen, actions: linear.outputFeatures))
    }

    /// The mean of the chosen networks' results.
    private func classify(
        _ frames: FrameBatch, _ run: inout ARNetRun
    ) throws(ProteanError) -> Tensor {
        var results: [Tensor] = [], places: [SequencePlace] = []
        for action in 0..<lookingActions {
            let own = run.places(of: action)
            guard !own.isEmpty else { continue }
            let cost: Int
            if action < backbones.count {
                let x = try Self.features(backbones[action], frames, own)
                results.append(try classifiers[action](x))
                cost =
                    try Self.cost(backbones[action], frames)
                    + classifiers[action].inputFeatures * classifiers[action].outputFeatures
            } else {
                results.append(try run.lights(own))
                cost = lightClassifier.inputFeatures * lightClassifier.outputFeatures
            }
            for place in own { run.executed[place.row] += cost }
            places += own
        }
        guard !results.isEmpty else {
            return try Tensor(zeros: [frames.batch, lightClassifier.outputFeatures])
        }
        // In order of time within each row, so that the sum does not depend on other rows.
        let order = places.indices.sorted {
            (places[$0].row, places[$0].step) < (places[$1].row, places[$1].step)
        }
        let joined = try Operations.indexSelect(
            Operations.concatenate(results, axis: 0), axis: 0, indices: order)
        return try Tensor.means(
            of: joined, owners: order.map { places[$0].row }, batch: frames.batch)
    }

    private static func resized(_ x: Tensor, _ resolution: Int) throws(ProteanError) -> Tensor {
        if x.shape[1] == resolution, x.shape[2] == resolution { return x }
        return try Operations.resize(
            x, to: Size2d(height: resolution, width: resolution),
            mode: .bilinear(alignCorners: false))
    }

    private static func features(
        _ part: Backbone, _ frames: FrameBatch, _ places: [SequencePlace]
    ) throws(ProteanError) -> Tensor {
        try part.network.vectors(resized(frames.frames(places), part.resolution))
    }

    private static func cost(_ part: Backbone, _ frames: FrameBatch) throws(ProteanError) -> Int {
        try part.network.multiplyAdds(
            forOne: [1, part.resolution, part.resolution, frames.frameShape[3]])
    }
}

/// What an ``ARNet`` keeps of a batch while it goes through the frames.
private struct ARNetRun {
    var state: [Tensor]
    var executed: [Int]
    /// Frames that are still to be skipped.
    var left: [Int]
    var actions: [[Int]]
    /// Results of the light classifier by place.
    private var kept: [SequencePlace: Tensor] = [:]

    init(batch: Int, state: [Tensor]) {
        self.state = state
        executed = [Int](repeating: 0, count: batch)
        left = executed
        actions = [[Int]](repeating: [], count: batch)
    }

    func places(of action: Int) -> [SequencePlace] {
        actions.enumerated().flatMap { row, list in
            list.indices.filter { list[$0] == action }.map { SequencePlace(row: row, step: $0) }
        }
    }

    mutating func keep(_ lights: Tensor, _ rows: RowPlan, _ step: Int) throws(ProteanError) {
        for (index, row) in rows.rows.enumerated() {
            kept[SequencePlace(row: row, step: step)] = try lights.rows(index..<index + 1)
        }
    }

    func lights(_ places: [SequencePlace]) throws(ProteanError) -> Tensor {
        try Operations.concatenate(places.compactMap { kept[$0] }, axis: 0)
    }
}

extension ParameterGroup {
    /// Modules named by their position.
    init(numbering modules: [any Module]) {
        self.init(submodules: modules.enumerated().map { NamedModule("\($0.offset)", $0.element) })
    }
}
