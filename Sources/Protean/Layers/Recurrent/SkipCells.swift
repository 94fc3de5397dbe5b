/// A stack of cells that are updated together: what ``SkipLSTM`` and ``SkipGRU`` run.
///
/// The state lists the top layer first: its h is the output.
protocol SkipStack: RecurrentCell {
    /// The tensor of the state that the update gate reads.
    var gateIndex: Int { get }
    /// Its size.
    var gateSize: Int { get }
}

/// Weights `[in, out]` and biases `[out]` under TensorFlow's names.
final class TensorFlowLinear: Sendable {
    let weights: Parameter
    let biases: Parameter
    let prefix: String
    private let product = Derived<Int, Linear>()

    init(
        from inputs: Int, to outputs: Int, prefix: String, bias: Float, seed: UInt64, layer: String
    ) throws(ProteanError) {
        let bound = (6 / Float(inputs + outputs)).squareRoot()
        weights = try Parameter(
            uniform: [inputs, outputs], in: -bound...bound, seed: seed, layer: layer)
        biases = try Parameter(repeating: bias, shape: [outputs], layer: layer)
        self.prefix = prefix
    }

    var named: [NamedParameter] {
        [
            NamedParameter(prefix + "Weights", weights), NamedParameter(prefix + "Biases", biases),
        ]
    }

    func linear() throws(ProteanError) -> Linear {
        try product.value(for: weights.version + biases.version) { () throws(ProteanError) in
            try Linear(weight: weights.value.transposed(), bias: biases.value)
        }
    }

    /// `[parts] · Weights + Biases`, parts joined along their features.
    func callAsFunction(_ parts: [Tensor], layer: String) throws(ProteanError) -> Tensor {
        try linear().product(try Operations.concatenate(parts, axis: 1), layer: layer)
    }
}

/// Stacked LSTM cells with PyTorch's or TensorFlow's weights.
final class SkipLSTMStack: SkipStack {
    let inputSize: Int
    let stateSizes: [Int]
    let parameters: [NamedParameter]
    let multiplyAddsPerStep: Int
    let gateIndex = 1
    var gateSize: Int { stateSizes[1] }
    private let torch: [RecurrentWeights]
    private let tensorFlow: [TensorFlowLinear]

    init(
        inputSize: Int, sizes: [Int], names: SkipNames, seed: UInt64, layer: String
    ) throws(ProteanError) {
        self.inputSize = inputSize
        var sums: [RecurrentWeights] = [], joined: [TensorFlowLinear] = []
        var parameters: [NamedParameter] = [], below = inputSize, cost = 0
        for (index, size) in sizes.enumerated() {
            let seed = seed &+ UInt64(8 * index)
            if names == .torch {
                let weights = try RecurrentWeights(
                    gates: 4, inputSize: below, hiddenSize: size, stateSize: size, bias: true,
                    suffix: ".\(index)", seed: seed, layer: layer)
                sums.append(weights)
                parameters += weights.named
            } else {
                let weights = try TensorFlowLinear(
                    from: below + size, to: 4 * size, prefix: names.prefix(index, of: sizes.count),
                    bias: 0, seed: seed, layer: layer)
                joined.append(weights)
                parameters += weights.named
            }
            cost += 4 * size * (below + size)
            below = size
        }
        torch = sums
        tensorFlow = joined
        self.parameters = names == .torch ? parameters.groupedByName : parameters
        multiplyAddsPerStep = cost
        stateSizes = sizes.reversed().flatMap { [$0, $0] }
    }

    func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        try checkStep(x, state)
        let layers = stateSizes.count / 2
        var below = x, next = state
        for layer in 0..<layers {
            let at = 2 * (layers - 1 - layer)
            let made = try cell(layer, below, state[at], state[at + 1])
            (next[at], next[at + 1]) = (made.hidden, made.cell)
            below = made.hidden
        }
        executed.addToAll(multiplyAddsPerStep)
        return next
    }

    private func cell(
        _ layer: Int, _ x: Tensor, _ h: Tensor, _ c: Tensor
    ) throws(ProteanError) -> (hidden: Tensor, cell: Tensor) {
        if tensorFlow.isEmpty {
            let linears = try torch[layer].linears(joiningBiases: true)
            let product = try linears.input(x)
            let sums = try linears.hidden(h, epilogue: Conv2dEpilogue(residual: product))
            return try Operations.lstmCell(gates: sums, cell: c, layer: place)
        }
        let sums = try tensorFlow[layer]([x, h], layer: place)
        return try Operations.lstmCell(
            gates: sums, cell: c, order: .inputCellForgetOutput, forgetBias: 1, layer: place)
    }
}

/// Stacked gated recurrent units with PyTorch's or TensorFlow's weights.
final class SkipGRUStack: SkipStack {
    let inputSize: Int
    let stateSizes: [Int]
    let parameters: [NamedParameter]
    let multiplyAddsPerStep: Int
    let gateIndex = 0
    var gateSize: Int { stateSizes[0] }
    private let torch: [RecurrentWeights]
    private let tensorFlow: [(gates: TensorFlowLinear, candidate: TensorFlowLinear)]

    init(
        inputSize: Int, sizes: [Int], names: SkipNames, seed: UInt64, layer: String
    ) throws(ProteanError) {
        self.inputSize = inputSize
        var sums: [RecurrentWeights] = []
        var joined: [(gates: TensorFlowLinear, candidate: TensorFlowLinear)] = []
        var parameters: [NamedParameter] = [], below = inputSize, cost = 0
        for (index, size) in sizes.enumerated() {
            let seed = seed &+ UInt64(8 * index)
            if names == .torch {
                let weights = try RecurrentWeights(
                    gates: 3, inputSize: below, hiddenSize: size, stateSize: size, bias: true,
                    suffix: ".\(index)", seed: seed, layer: layer)
                sums.append(weights)
                parameters += weights.named
                cost += 3 * size * (below + size)
            } else {
                let prefix = names.prefix(index, of: sizes.count)
                let gates = try TensorFlowLinear(
                    from: below + size, to: 2 * size, prefix: prefix + "gates.", bias: 1,
                    seed: seed, layer: layer)
                // The reference's candidate reads the network's input at every layer.
                let candidate = try TensorFlowLinear(
                    from: inputSize + size, to: size, prefix: prefix + "candidate.", bias: 0,
                    seed: seed &+ 1, layer: layer)
                joined.append((gates, candidate))
                parameters += gates.named + candidate.named
                cost += 2 * size * (below + size) + size * (inputSize + size)
            }
            below = size
        }
        torch = sums
        tensorFlow = joined
        self.parameters = names == .torch ? parameters.groupedByName : parameters
        multiplyAddsPerStep = cost
        stateSizes = sizes.reversed()
    }

    func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        try checkStep(x, state)
        var below = x, next = state
        for layer in stateSizes.indices {
            let at = stateSizes.count - 1 - layer
            next[at] = try cell(layer, x, below, state[at])
            below = next[at]
        }
        executed.addToAll(multiplyAddsPerStep)
        return next
    }

    private func cell(
        _ layer: Int, _ x: Tensor, _ below: Tensor, _ h: Tensor
    ) throws(ProteanError) -> Tensor {
        if tensorFlow.isEmpty {
            let linears = try torch[layer].linears(joiningBiases: false)
            return try Operations.gruCell(
                inputGates: try linears.input(below), hiddenGates: try linears.hidden(h),
                hidden: h, layer: place)
        }
        let units = h.shape[1]
        let sums = try tensorFlow[layer].gates([below, h], layer: place).sigmoid()
        let parts = try sums.split(sizes: [units, units], axis: 1)
        let candidate = try tensorFlow[layer].candidate([x, try parts[0] * h], layer: place).tanh()
        return try candidate + parts[1] * (h - candidate)
    }
}

extension [NamedParameter] {
    /// All parameters of one kind after each other, as PyTorch's lists of parameters store them:
    /// `weight_ih.0`, `weight_ih.1`, `weight_hh.0` …
    var groupedByName: [NamedParameter] {
        let kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
        return kinds.flatMap { kind in filter { $0.name.hasPrefix(kind) } }
    }
}
