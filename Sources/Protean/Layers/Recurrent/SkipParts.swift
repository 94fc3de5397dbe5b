/// The stack, the gate, the learned initial states and the runner of a Skip RNN.
struct SkipParts: Sendable {
    let parameters: [NamedParameter]
    let runner: SequenceRunner
    private let stack: any SkipStack
    /// Per tensor of the state, `[1, size]`; empty when states begin with zeros.
    private let initial: [Parameter]

    static func check(
        _ inputSize: Int, _ sizes: [Int], _ names: SkipNames, layer: String
    ) throws(ProteanError) {
        try checkChannels(inputSize, "inputSize", layer: layer)
        try checkOption(sizes.count, "sizes.count", in: 1...OptionLimits.depth, layer: layer)
        for (index, size) in sizes.enumerated() {
            try checkOption(
                size, "sizes[\(index)]", in: 1...OptionLimits.channels / 8, layer: layer)
        }
        guard names == .tensorFlow || Set(sizes).count == 1 else {
            throw .invalidOption(
                layer: layer, option: "sizes", expected: "equal sizes for PyTorch's names",
                found: "\(sizes)")
        }
    }

    /// - Parameter kinds: of the tensors of one layer's state, in the state's order.
    init(
        _ stack: any SkipStack, _ names: SkipNames, layers: Int, kinds: [String], seed: UInt64,
        layer: String
    ) throws(ProteanError) {
        self.stack = stack
        let size = stack.gateSize
        let gate: @Sendable () throws(ProteanError) -> Linear
        var own: [NamedParameter] = []
        var initial: [Parameter] = []
        if names == .torch {
            let linear = try Linear(
                inputFeatures: size, outputFeatures: 1, seed: seed &+ 4_096)
            guard let bias = linear.bias else { throw .noValues(layer: layer) }
            try bias.set(Tensor([1], shape: [1]))
            own = [NamedParameter("weight_uh", linear.weight), NamedParameter("bias_uh", bias)]
            gate = { () throws(ProteanError) in linear }
        } else {
            let linear = try TensorFlowLinear(
                from: size, to: 1, prefix: "state_update_prob.", bias: 1, seed: seed &+ 4_096,
                layer: layer)
            own = linear.named
            gate = { () throws(ProteanError) in try linear.linear() }
            for (index, size) in stack.stateSizes.enumerated() {
                let from = layers - 1 - index / kinds.count
                let parameter = try Parameter(
                    uniform: [1, size], in: -1...1, seed: seed &+ UInt64(8_192 + index),
                    layer: layer)
                initial.append(parameter)
                let name = "initial_\(kinds[index % kinds.count]).initial_state"
                own.append(NamedParameter(names.prefix(from, of: layers) + name, parameter))
            }
        }
        self.initial = initial
        parameters = stack.parameters + own
        let policy = SkipUpdatePolicy(index: stack.gateIndex, size: size, gate: gate)
        runner = try SequenceRunner(cells: [stack], policy: policy)
    }

    func initialState(_ batch: Int) throws(ProteanError) -> [Tensor] {
        guard !initial.isEmpty else { return try stack.zeroState(batch: batch) }
        var state: [Tensor] = []
        for parameter in initial {
            state.append(
                try Operations.indexSelect(
                    parameter.value, axis: 0, indices: [Int](repeating: 0, count: batch)))
        }
        return state
    }
}
