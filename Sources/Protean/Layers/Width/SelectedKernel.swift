/// A convolution with the norm after it, of which each sample computes some output channels from the
/// input channels that exist.
///
/// `activation(gate[k] · norm(conv(x))[k] + bias[k])` for the listed channels k. With all channels it
/// runs on packed weights; otherwise the weights between the listed channels are copied and packed
/// for the sample, three passes over them, and the sums are direct. Measured, this takes longer than
/// the whole layer by Winograd's algorithm; see the page of ``FeatureBoostedConv2d``.
final class SelectedKernel: Sendable {
    /// One sample's output channels: what is listed is computed.
    struct Row: Sendable {
        /// Ascending; nil for all channels.
        var channels: [Int]?
        /// A factor for each channel that is computed.
        var gates: [Float]
        /// Whether the shift of the norm and of the convolution is multiplied by the gate too.
        var gatesShift: Bool
        /// Added to each channel that is computed; nil for 0.
        var bias: [Float]?
    }

    let conv: Conv2d
    private let norm: BatchNorm2d?
    private let plans: Conv2dPlanCache
    private let folded = Derived<Int, (weight: Tensor, shift: Tensor)>()

    init(_ conv: Conv2d, _ norm: BatchNorm2d?) throws(ProteanError) {
        try norm?.check(follows: conv.geometry, layer: conv.typeName)
        self.conv = conv
        self.norm = norm
        plans = Conv2dPlanCache(
            weight: conv.weight, bias: conv.bias, norm: norm, geometry: conv.geometry)
    }

    var geometry: Conv2dGeometry { conv.geometry }

    /// Weights multiplied by the norm's scale, and what is added to each channel's sum.
    private func values() throws(ProteanError) -> (weight: Tensor, shift: Tensor) {
        try folded.value(for: plans.version) { () throws(ProteanError) in
            let affine = try norm?.scaleAndShift()
            let count = geometry.outputChannels
            let scale = affine?.scale.elements ?? [Float](repeating: 1, count: count)
            let bias = conv.bias?.value.elements ?? [Float](repeating: 0, count: count)
            let own = affine?.shift.elements ?? [Float](repeating: 0, count: count)
            let shift = (0..<count).map { bias[$0] * scale[$0] + own[$0] }
            let factors = try Tensor(scale, shape: [count, 1, 1, 1])
            return (
                try Operations.multiply(conv.weight.value, factors),
                try Tensor(shift, shape: [count])
            )
        }
    }

    /// `[1, height', width', listed channels]` for one sample.
    func callAsFunction(
        _ x: SelectedMap.Sample, _ row: Row, activation: Activation, layer: String
    ) throws(ProteanError) -> Tensor {
        let values = try values()
        let list = row.channels ?? Array(0..<geometry.outputChannels)
        let shift = values.shift.elements
        let added = list.indices.map { i in
            let own = row.gatesShift ? shift[list[i]] * row.gates[i] : shift[list[i]]
            return own + (row.bias?[i] ?? 0)
        }
        let gate = try Tensor(row.gates, shape: [1, list.count])
        let bias = try Tensor(added, shape: [1, list.count])
        if row.channels == nil && x.channels == nil {
            return try Operations.conv2d(
                x.map, plans, gate: gate, biasPerSample: bias, activation: activation,
                layer: layer)
        }
        var weight = values.weight
        if let rows = row.channels {
            weight = try Operations.indexSelect(weight, axis: 0, indices: rows)
        }
        if let columns = x.channels {
            weight = try Operations.indexSelect(weight, axis: 1, indices: columns)
        }
        var compact = geometry
        (compact.outputChannels, compact.inputChannels) = (weight.shape[0], weight.shape[1])
        // Winograd's transform of weights that are used once takes longer than it saves.
        compact.algorithm = .direct
        return try Operations.conv2d(
            x.map, weight: weight, bias: bias.reshaped(to: [list.count]), geometry: compact,
            epilogue: Conv2dEpilogue(activation: activation, gate: gate), layer: layer)
    }

    /// `[batch, height', width', out]` where all channels of all samples are computed.
    func dense(
        _ x: Tensor, _ rows: [Row], activation: Activation, layer: String
    ) throws(ProteanError) -> Tensor {
        let shift = try values().shift.elements, count = geometry.outputChannels
        var gates: [Float] = [], biases: [Float] = []
        for row in rows {
            gates += row.gates
            biases += (0..<count).map { k in
                (row.gatesShift ? shift[k] * row.gates[k] : shift[k]) + (row.bias?[k] ?? 0)
            }
        }
        return try Operations.conv2d(
            x, plans, gate: Tensor(gates, shape: [rows.count, count]),
            biasPerSample: Tensor(biases, shape: [rows.count, count]), activation: activation,
            layer: layer)
    }
}

extension SelectedKernel {
    /// The map of every sample's listed channels, one event in a trace per sample (one for all where
    /// all channels are computed).
    func run(
        _ x: SelectedMap, _ rows: [Row], activation: Activation, name: String, label: Label?,
        layer: String
    ) throws(ProteanError) -> SelectedMap {
        if let map = x.dense, rows.allSatisfy({ $0.channels == nil }) {
            let y = try traced(
                name, path: label, input: map, cost: { conv.cost(input: map, output: $0) }
            ) { () throws(ProteanError) in
                try dense(map, rows, activation: activation, layer: layer)
            }
            return try SelectedMap(y)
        }
        let input = [1, x.size[0], x.size[1], geometry.inputChannels]
        let output = try geometry.plan(for: input, layer: layer).outputShape
        var samples: [SelectedMap.Sample] = []
        for (index, row) in rows.enumerated() {
            let sample = try x.sample(index)
            let own = try RowPlan(rows: [index], batch: rows.count)
            let map = try RowScope.with(own) { () throws(ProteanError) in
                try traced(
                    name, path: label, input: sample.map, cost: { cost(sample, $0, output) }
                ) { () throws(ProteanError) in
                    try compute(sample, row, output, activation: activation, layer: layer)
                }
            }
            samples.append(SelectedMap.Sample(map: map, channels: row.channels))
        }
        return SelectedMap(samples, size: Array(output.dropFirst()))
    }

    /// One sample's listed channels, `[1, height', width', count]`.
    private func compute(
        _ x: SelectedMap.Sample, _ row: Row, _ output: [Int], activation: Activation,
        layer: String
    ) throws(ProteanError) -> Tensor {
        var shape = output
        shape[3] = row.channels?.count ?? geometry.outputChannels
        if shape[3] == 0 { return try Tensor(uninitialized: shape) }
        if x.channels?.isEmpty == true {
            return try constant(row, shape, activation: activation)
        }
        return try self(x, row, activation: activation, layer: layer)
    }

    /// The result where no input channel exists.
    private func constant(
        _ row: Row, _ shape: [Int], activation: Activation
    ) throws(ProteanError) -> Tensor {
        let shift = try values().shift.elements, list = row.channels ?? Array(0..<shape[3])
        let added = list.indices.map { i in
            (row.gatesShift ? shift[list[i]] * row.gates[i] : shift[list[i]])
                + (row.bias?[i] ?? 0)
        }
        return try Operations.scaleShift(
            Tensor(zeros: shape), scale: Tensor(zeros: [shape[3]]),
            shift: Tensor(added, shape: [shape[3]]), activation: activation)
    }

    /// Theoretical: all channels; executed: the products between channels that exist.
    private func cost(_ x: SelectedMap.Sample, _ y: Tensor, _ output: [Int]) -> Cost {
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let pixels = output[1] * output[2], read = x.map.shape[3]
        let weights = y.shape[3] * read * area
        return Cost(
            multiplyAdds: pixels * geometry.outputChannels * geometry.fanIn,
            executedMultiplyAdds: pixels * weights, parameters: conv.parameterCount,
            bytes: (x.map.count + y.count + weights) * MemoryLayout<Float>.stride
        ).folding(norm)
    }
}
