/// The channels of one stage in every layer of a network that ``Staging`` split.
///
/// Reads the image and the maps of earlier stages that it reuses, keeps its own maps as long as a
/// later stage needs them, and ends in the means of its channels of the last map.
final class StagedStage: Stage {
    /// What the stage computes at a step.
    private enum Work: Sendable {
        /// A convolution of the input's maps of several stages.
        case convolution(FusedConv2d, sources: [Int])
        case norm(BatchNorm2d, Activation)
        case concatenate
        case maxPool(MaxPool2d)
        case averagePool(AvgPool2d)
        case padChannels(stride: Int, before: Int, after: Int)
    }

    let submodules: [NamedModule]
    let label: Label? = Label()

    private let stage: Int
    private let steps: [NetworkBlueprint.Step]
    private let work: [Work]
    /// The steps whose maps later stages read.
    private let exported: Set<Int>
    /// Names of maps that no later stage reads.
    let released: [String]

    init(_ layout: StagingLayout, stage: Int) throws(ProteanError) {
        self.stage = stage
        steps = layout.blueprint.steps
        exported = layout.exported(by: stage)
        var work: [Work] = [], parts: [NamedModule] = []
        for index in layout.blueprint.steps.indices {
            work.append(try Self.work(index, of: stage, layout, &parts))
        }
        self.work = work
        submodules = parts
        let needed = { (source: Int) in
            (stage + 1..<max(stage + 1, layout.plan.stages)).reduce(into: Set<Int>()) {
                $0.formUnion(layout.read(by: $1, from: source))
            }
        }
        released = (0..<stage).flatMap { source in
            layout.read(by: stage, from: source).subtracting(needed(source)).sorted()
                .map { Self.name($0, source) }
        }
    }

    /// The name of a stage's map of a step.
    private static func name(_ step: Int, _ stage: Int) -> String { "step\(step).\(stage)" }

    /// The name of the means of a stage's channels of the last map.
    static func pooled(_ stage: Int) -> String { "pooled.\(stage)" }

    private static func work(
        _ index: Int, of stage: Int, _ layout: StagingLayout, _ parts: inout [NamedModule]
    ) throws(ProteanError) -> Work {
        let step = layout.blueprint.steps[index], owned = layout.channels[index][stage]
        switch step.operation {
        case .convolution(let conv, let norm, let activation):
            let own = try conv.reading(
                layout.inputs(of: index, stage: stage), computing: owned)
            parts.append(NamedModule(step.name, own))
            let ownNorm = try norm?.norm.selecting(owned)
            if let norm, let ownNorm { parts.append(NamedModule(norm.name, ownNorm)) }
            return .convolution(
                try FusedConv2d(own, ownNorm, activation),
                sources: step.inputs[0] < 0 ? [] : layout.sources(of: index, stage: stage))
        case .norm(let norm, let activation):
            let own = try norm.selecting(owned)
            parts.append(NamedModule(step.name, own))
            return .norm(own, activation)
        case .concatenate: return .concatenate
        case .maxPool(let window):
            return .maxPool(try MaxPool2d(copying: window))
        case .averagePool(let window):
            return .averagePool(try AvgPool2d(copying: window))
        case .padChannels(let stride, _):
            let added = owned.count - layout.channels[step.inputs[0]][stage].count
            guard added >= 0 else {
                throw .invalidOption(
                    layer: "Staging", option: step.name,
                    expected: "at least the \(owned.count - added) channels of its input in "
                        + "stage \(stage)", found: "\(owned.count)")
            }
            return .padChannels(stride: stride, before: added / 2, after: added - added / 2)
        }
    }

    func run(_ features: inout Features) throws(ProteanError) {
        let made = try outputs { (name) throws(ProteanError) in try features.tensor(name) }
        for output in made { try features.set(output.name, output.map) }
        for name in released { features.drop(name) }
    }

    /// What later stages and the heads need from this stage, by name; `read` gives the image under
    /// `x` and earlier stages' maps.
    func outputs(
        reading read: (String) throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> [(name: String, map: Tensor)] {
        var maps: [Tensor] = [], outputs: [(String, Tensor)] = []
        let image = try read("x")
        for (index, step) in steps.enumerated() {
            let own = step.inputs.map { $0 < 0 ? image : maps[$0] }
            let map = try apply(work[index], own, step, read)
            maps.append(map)
            if exported.contains(index) { outputs.append((Self.name(index, stage), map)) }
        }
        outputs.append((Self.pooled(stage), try GlobalAveragePool2d()(maps[maps.count - 1])))
        return outputs
    }

    private func apply(
        _ work: Work, _ own: [Tensor], _ step: NetworkBlueprint.Step,
        _ read: (String) throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> Tensor {
        switch work {
        case .convolution(let conv, let sources):
            let residual = own.count > 1 ? own[1] : nil
            guard sources.contains(where: { $0 != stage }) else {
                return try conv(own[0], residual: residual)
            }
            var inputs: [Tensor] = []
            for source in sources {
                inputs.append(
                    source == stage ? own[0] : try read(Self.name(step.inputs[0], source)))
            }
            return try conv(concatenating: inputs, residual: residual)
        case .norm(let norm, let activation): return try norm(own[0], activation: activation)
        case .concatenate:
            return own.count == 1 ? own[0] : try Operations.concatenate(own, axis: 3)
        case .maxPool(let pool): return try pool(own[0])
        case .averagePool(let pool): return try pool(own[0])
        case .padChannels(let stride, let before, let after):
            return try Operations.subsampleAndPadChannels(
                own[0], stride: stride, before: before, after: after)
        }
    }
}

extension Conv2d {
    /// A convolution with the weights from some of the input channels to some of the output
    /// channels; a depthwise one keeps its channels.
    func reading(
        _ inputs: [Int], computing outputs: [Int]
    ) throws(ProteanError) -> Conv2d {
        var kept = try Operations.indexSelect(weight.value, axis: 0, indices: outputs)
        let isDepthwise = geometry.groups > 1
        if !isDepthwise { kept = try Operations.indexSelect(kept, axis: 1, indices: inputs) }
        let ownBias = try bias.map { (bias) throws(ProteanError) in
            try Operations.indexSelect(bias.value, axis: 0, indices: outputs)
        }
        return try Conv2d(
            weight: kept, bias: ownBias, stride: geometry.stride, padding: geometry.padding,
            dilation: geometry.dilation, groups: isDepthwise ? outputs.count : 1,
            algorithm: geometry.algorithm)
    }
}

extension BatchNorm2d {
    /// The norm of some of the channels.
    func selecting(_ channels: [Int]) throws(ProteanError) -> BatchNorm2d {
        let norm = try BatchNorm2d(channels: channels.count, eps: eps, affine: weight != nil)
        for (own, whole) in [
            (norm.weight, weight), (norm.bias, bias), (norm.runningMean, runningMean),
            (norm.runningVar, runningVar),
        ] {
            guard let own, let whole else { continue }
            try own.set(try Operations.indexSelect(whole.value, axis: 0, indices: channels))
        }
        return norm
    }
}

extension MaxPool2d {
    fileprivate init(copying window: PoolWindow) throws(ProteanError) {
        try self.init(
            kernelSize: window.kernelSize, stride: window.stride, padding: window.padding,
            dilation: window.dilation, ceilMode: window.ceilMode)
    }
}

extension AvgPool2d {
    fileprivate init(copying window: PoolWindow) throws(ProteanError) {
        try self.init(
            kernelSize: window.kernelSize, stride: window.stride, padding: window.padding,
            ceilMode: window.ceilMode)
    }
}
