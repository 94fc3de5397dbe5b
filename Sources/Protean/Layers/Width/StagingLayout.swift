/// Which channels of every step of a blueprint belong to which stage.
struct StagingLayout: Sendable {
    let blueprint: NetworkBlueprint
    let plan: StagingPlan
    /// For every step and stage the channels that the stage owns, in the static network's numbering.
    private(set) var channels: [[[Int]]] = []
    /// For every convolution that mixes channels, which stages each stage reads.
    private(set) var reuse: [ReuseMatrix?] = []

    init(_ blueprint: NetworkBlueprint, _ plan: StagingPlan) throws(ProteanError) {
        self.blueprint = blueprint
        self.plan = plan
        guard !blueprint.steps.isEmpty else {
            throw .invalidOption(
                layer: "Staging", option: "network", expected: "at least one step", found: "none")
        }
        for (index, step) in blueprint.steps.enumerated() {
            let known = NetworkBlueprint.image..<index
            guard !step.inputs.isEmpty, step.inputs.allSatisfy(known.contains) else {
                throw .invalidOption(
                    layer: "Staging", option: step.name, expected: "steps before it as inputs",
                    found: "\(step.inputs)")
            }
        }
        let rules = try rules()
        for (index, step) in blueprint.steps.enumerated() {
            channels.append(try owners(step, rule: rules[index]))
            let mixes = Self.mixes(step.operation)
            reuse.append(mixes ? rules[index].reuse : nil)
        }
        let unknown = plan.layers.keys.filter { name in
            !blueprint.steps.contains { $0.name == name && Self.mixes($0.operation) }
        }
        if let name = unknown.min() {
            throw .invalidOption(
                layer: "Staging", option: "layers",
                expected: "paths of convolutions that mix channels", found: name)
        }
    }

    /// Whether a step reads channels of other stages.
    private static func mixes(_ operation: NetworkBlueprint.Operation) -> Bool {
        guard case .convolution(let conv, _, _) = operation else { return false }
        return conv.geometry.groups == 1 || !conv.geometry.isDepthwise
    }

    /// The rule of every step: that of its name, or that of its map's size.
    private func rules() throws(ProteanError) -> [StagingPlan.Rule] {
        var levels: [Int] = []
        for step in blueprint.steps {
            let from = step.inputs.first.map { $0 < 0 ? 0 : levels[$0] } ?? 0
            levels.append(from + (Self.reduces(step.operation) ? 1 : 0))
        }
        let made = Set(zip(blueprint.steps, levels).filter { Self.mixes($0.0.operation) }.map(\.1))
        let sizes = made.sorted()
        guard plan.sizes.count == 1 || plan.sizes.count == sizes.count else {
            throw .invalidOption(
                layer: "Staging", option: "sizes",
                expected: "one rule, or one for each of \(sizes.count) map sizes",
                found: "\(plan.sizes.count)")
        }
        return zip(blueprint.steps, levels).map { step, level in
            let size = plan.sizes.count == 1 ? 0 : sizes.lastIndex { $0 <= level } ?? 0
            return plan.layers[step.name] ?? plan.sizes[size]
        }
    }

    private static func reduces(_ operation: NetworkBlueprint.Operation) -> Bool {
        switch operation {
        case .convolution(let conv, _, _): conv.geometry.stride != 1
        case .maxPool(let window), .averagePool(let window): window.stride != 1
        case .padChannels(let stride, _): stride > 1
        case .norm, .concatenate: false
        }
    }

    private func owners(
        _ step: NetworkBlueprint.Step, rule: StagingPlan.Rule
    ) throws(ProteanError) -> [[Int]] {
        switch step.operation {
        case .convolution(let conv, _, _):
            let outputs = conv.geometry.outputChannels
            guard Self.mixes(step.operation) else { return try inherited(step, outputs) }
            guard conv.geometry.groups == 1 else {
                throw .invalidOption(
                    layer: "Staging", option: step.name,
                    expected: "1 group, or as many as channels", found: "\(conv.geometry.groups)")
            }
            let owned = try rule.splits.ranges(of: outputs, layer: step.name).map(Array.init)
            if step.inputs.count > 1 { try check(step.inputs[1], equals: owned, step) }
            return owned
        case .padChannels(_, let channels):
            return try rule.splits.ranges(of: channels, layer: step.name).map(Array.init)
        case .concatenate: return concatenated(step)
        case .norm(let norm, _): return try inherited(step, norm.channels)
        case .maxPool, .averagePool: return try inherited(step, nil)
        }
    }

    private func check(
        _ residual: Int, equals owned: [[Int]], _ step: NetworkBlueprint.Step
    ) throws(ProteanError) {
        guard channels[residual] != owned else { return }
        throw .invalidOption(
            layer: "Staging", option: step.name,
            expected: "the splits of the map that is added, "
                + "\(channels[residual].map(\.count)) channels",
            found: "\(owned.map(\.count))")
    }

    private func inherited(
        _ step: NetworkBlueprint.Step, _ count: Int?
    ) throws(ProteanError) -> [[Int]] {
        guard let input = step.inputs.first, input >= 0 else {
            throw .invalidOption(
                layer: "Staging", option: step.name,
                expected: "a convolution that mixes channels at the image", found: "another step")
        }
        let owned = channels[input], found = owned.reduce(0) { $0 + $1.count }
        guard count == nil || count == found else {
            throw .invalidOption(
                layer: "Staging", option: step.name, expected: "\(count ?? 0) channels",
                found: "\(found)")
        }
        return owned
    }

    private func concatenated(_ step: NetworkBlueprint.Step) -> [[Int]] {
        var offset = 0, owned = [[Int]](repeating: [], count: plan.stages)
        for input in step.inputs {
            for stage in owned.indices {
                owned[stage] += channels[input][stage].map { $0 + offset }
            }
            offset += channels[input].reduce(0) { $0 + $1.count }
        }
        return owned
    }
}

extension StagingLayout {
    /// The input channels that a stage of a convolution reads, in the order in which it reads them.
    func inputs(of step: Int, stage: Int) -> [Int] {
        let input = blueprint.steps[step].inputs[0]
        guard input >= 0 else { return Array(0..<blueprint.imageChannels) }
        return sources(of: step, stage: stage).flatMap { channels[input][$0] }
    }

    /// The stages that a stage of a step reads.
    func sources(of step: Int, stage: Int) -> [Int] {
        reuse[step]?.sources(of: stage) ?? [stage]
    }

    /// The steps whose map of `stage` a later stage reads.
    func exported(by stage: Int) -> Set<Int> {
        var found: Set<Int> = []
        for later in plan.stages > stage + 1 ? Array(stage + 1..<plan.stages) : [] {
            found.formUnion(read(by: later, from: stage))
        }
        return found
    }

    /// The steps whose map of `source` the stage `stage` reads.
    func read(by stage: Int, from source: Int) -> Set<Int> {
        var found: Set<Int> = []
        for (index, step) in blueprint.steps.enumerated() {
            guard let input = step.inputs.first, input >= 0 else { continue }
            if sources(of: index, stage: stage).contains(source) { found.insert(input) }
        }
        return found
    }
}
