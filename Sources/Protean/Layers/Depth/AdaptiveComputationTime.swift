/// A stage of residual units in which every row of a batch decides after how many units it halts.
///
/// After unit u the halting probability is `h = σ(conv(bn(mean(state))))`, the mean over the map; the
/// last unit's is 1. A row runs until its sum of probabilities reaches `1 − epsilon` (``RowHalting``)
/// and is not computed afterwards. `y = Σ w · state` with `w = h` while the row runs and the remainder
/// in the unit where it halts. Graves, arXiv 1603.08983, on residual units as in Figurnov et al., arXiv
/// 1612.02297, who call it ACT; ``SpatiallyAdaptiveComputationTime`` decides per pixel.
///
/// Input `[batch, height, width, inputChannels]`. Parameters `unit_1.conv1`, `unit_1.bn1`, …,
/// `unit_1.downsample`, and `unit_u.halting_proba.bn`, `.conv` `[1, channels, 1, 1]` with a bias of −3
/// at first, which the last unit does not have. Cost: each unit for the rows that run it, and one read
/// of their states for the mean and the sum. With a shape only: all units for all rows.
public final class AdaptiveComputationTime: Layer, ConditionalLayer {
    /// The result of a stage.
    public struct Result: Sendable {
        /// Σ w · state, `[batch, height', width', channels]`.
        public let output: Tensor
        /// Units plus remainder, N + R, of every row.
        public let ponderCost: [Float]
        /// Units N that computed each row.
        public let units: [Int]
        /// The rows that ran each unit.
        public let active: [RowPlan]
    }

    /// A row halts when its sum of probabilities is at least 1 − epsilon.
    public let epsilon: Float
    /// Where the stage stands in a model.
    public let label: Label? = Label()
    /// `unit_1`, `unit_2`, ….
    public let submodules: [NamedModule]

    private let units: [SkipBlock]
    private let heads: [HaltingProbability]

    /// A stage with seeded initial values and halting biases of −3.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - planes: width of the units; a bottleneck has four times as many outputs.
    ///   - units: number of units, 1...1024.
    ///   - unit: form of the units.
    ///   - stride: of the first unit.
    ///   - downsample: whether the first unit's shortcut has a convolution and a norm; needed where
    ///     stride or channels change.
    ///   - epsilon: at least 0, below 1.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputChannels: Int, planes: Int, units: Int, unit: SkipBlock.Form = .bottleneck,
        stride: Int = 1, downsample: Bool = false, epsilon: Float = 0.01, seed: UInt64 = 0
    ) throws(ProteanError) {
        let name = "AdaptiveComputationTime"
        try checkOption(units, "units", in: 1...OptionLimits.depth, layer: name)
        try checkChannels(inputChannels, "inputChannels", layer: name)
        try checkOption(planes, "planes", in: 1...OptionLimits.channels / 4, layer: name)
        try checkOption(stride, "stride", in: 1...OptionLimits.length, layer: name)
        guard epsilon >= 0, epsilon < 1 else {
            throw .invalidOption(
                layer: name, option: "epsilon", expected: "at least 0 and below 1",
                found: "\(epsilon)")
        }
        let outputs = planes * unit.expansion
        guard downsample || (stride == 1 && inputChannels == outputs) else {
            throw .invalidOption(
                layer: name, option: "downsample",
                expected: "true where the stride is \(stride) and \(inputChannels) channels become "
                    + "\(outputs)", found: "false")
        }
        self.epsilon = epsilon
        var blocks: [SkipBlock] = [], heads: [HaltingProbability] = []
        for index in 0..<units {
            let start = seed &+ 8 &* UInt64(index)
            let projects = index == 0 && downsample
            let shortcut =
                projects
                ? try SkipBlock.projection(
                    from: inputChannels, to: outputs, stride: stride, seed: start &+ 4) : nil
            var more = shortcut.map { [NamedModule("downsample", $0)] } ?? []
            if index < units - 1 {
                let head = try HaltingProbability(channels: outputs, seed: start &+ 5)
                heads.append(head)
                more.append(NamedModule("halting_proba", head))
            }
            blocks.append(
                try SkipBlock(
                    unit, inputChannels: index == 0 ? inputChannels : outputs, width: planes,
                    stride: index == 0 ? stride : 1, more: more, shortcut: shortcut, seed: start))
        }
        self.units = blocks
        self.heads = heads
        submodules = blocks.enumerated().map { NamedModule("unit_\($0.offset + 1)", $0.element) }
    }

    /// Σ w · state.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try halting(x).output
    }

    /// The stage's result with what every row ran. A tensor with a shape only runs all units.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func halting(_ x: Tensor) throws(ProteanError) -> Result {
        try Operations.checkMap(x, pixels: true, layer: place)
        guard !x.isShapeOnly else { return try bound(x) }
        var state = x
        try units[0].apply(to: &state, running: RowPlan(all: x.shape[0]))
        var rule = RowHalting(batch: x.shape[0], limit: 1 - epsilon)
        var output = try Tensor(zeros: state.shape)
        var active: [RowPlan] = []
        for index in units.indices {
            let running = rule.running
            active.append(running)
            try noteHalted(index, state.shape, running.inverted)
            guard !running.isEmpty else { continue }
            try RowScope.with(running) { () throws(ProteanError) in
                if index > 0 {
                    try units[index].apply(to: &state, running: RowPlan(all: running.count))
                }
                let weights = try rule.step(try probabilities(index, state))
                try Operations.addRows(
                    state, running, weights: weights, to: &output, layer: place)
            }
            note(index, running, rule)
            if !rule.running.isEmpty {
                state = try Operations.gatherRows(
                    state, try running.positions(of: rule.running), layer: place)
            }
        }
        return Result(
            output: output, ponderCost: rule.ponder, units: rule.steps, active: active)
    }

    /// The halting probabilities after a unit; nil after the last one.
    private func probabilities(_ index: Int, _ x: Tensor) throws(ProteanError) -> [Float]? {
        index < heads.count ? try heads[index](x).elements : nil
    }

    /// All units for all rows, without values.
    private func bound(_ x: Tensor) throws(ProteanError) -> Result {
        let rows = RowPlan(all: x.shape[0])
        var state = x
        for (index, unit) in units.enumerated() {
            try unit.apply(to: &state, running: rows)
            if index < heads.count { _ = try heads[index](state) }
        }
        let count = units.count
        return Result(
            output: state, ponderCost: [Float](repeating: Float(count + 1), count: rows.count),
            units: [Int](repeating: count, count: rows.count),
            active: [RowPlan](repeating: rows, count: count))
    }
}

extension AdaptiveComputationTime {
    /// The output, and the rows that ran each unit.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: [RowPlan]) {
        let result = try halting(x)
        return (result.output, result.active)
    }

    /// Records for a ``DecisionTrace`` which rows go on after a unit (1) and which halt (0).
    private func note(_ index: Int, _ running: RowPlan, _ rule: RowHalting) {
        guard index < heads.count, DecisionTrace.current != nil else { return }
        let left = Set(rule.running.rows)
        let picks = running.rows.map { [Choice.Pick(action: left.contains($0) ? 1 : 0)] }
        let origin = RowScope.origin(batch: running.batch)
        guard let rows = try? origin.narrowed(to: running),
            let choice = try? Choice(
                actions: 2, picks: picks, scores: running.rows.map { rule.cumulative[$0] })
        else { return }
        DecisionTrace.note(site: heads[index].place, rows: rows, choice)
    }

    /// Tells the active trace what rows that have halted did not execute.
    private func noteHalted(
        _ index: Int, _ shape: [Int], _ rows: RowPlan
    ) throws(ProteanError) {
        try Trace.noteSkipped(rows, by: units[index], input: shape) { () throws(ProteanError) in
            let unit = try units[index].skippableMultiplyAdds(for: shape)
            guard index < heads.count else { return unit }
            return unit + (try heads[index].cost(for: [1] + shape.dropFirst()).multiplyAdds)
        }
    }
}

/// σ(conv(bn(mean(x)))), `[batch]`. Parameters `bn`, `conv`.
private final class HaltingProbability: Layer {
    let label: Label? = Label()
    private let norm: BatchNorm2d
    private let conv: Conv2d

    init(channels: Int, seed: UInt64) throws(ProteanError) {
        norm = try BatchNorm2d(channels: channels)
        conv = try Conv2d(
            inputChannels: channels, outputChannels: 1, kernelSize: 1, seed: seed)
        try conv.bias?.set(Tensor(repeating: -3, shape: [1]))
    }

    var submodules: [NamedModule] { [NamedModule("bn", norm), NamedModule("conv", conv)] }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let mean = try norm(try GlobalAveragePool2d()(x))
        let score = try conv(
            try mean.reshaped(to: [x.shape[0], 1, 1, x.shape[3]]),
            epilogue: Conv2dEpilogue(activation: .sigmoid))
        return try score.reshaped(to: [x.shape[0]])
    }
}
