/// A convolution along points with kernel size 1, on rows: `y = activation(W · x + b)`.
///
/// Input `[points, inputs]`, output `[points, outputs]`. Parameters as `torch.nn.Conv1d` stores
/// them: `weight` `[outputs, inputs, 1]`, `bias` `[outputs]`.
final class PointwiseConv1d: Module {
    let inputs, outputs: Int
    let weight: Parameter
    let bias: Parameter
    let label: Label? = Label()
    private let plans: Conv2dPlanCache

    /// Seeded initial values, uniform in ±1/√inputs.
    init(inputs: Int, outputs: Int, seed: UInt64, layer: String) throws(ProteanError) {
        let geometry = try Conv2dGeometry(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 1, layer: layer)
        self.inputs = inputs
        self.outputs = outputs
        weight = try Parameter(
            uniform: [outputs, inputs, 1], fanIn: inputs, seed: seed, layer: layer)
        bias = try Parameter(uniform: [outputs], fanIn: inputs, seed: ~seed, layer: layer)
        plans = Conv2dPlanCache(weight: weight, bias: bias, geometry: geometry)
    }

    var parameters: [NamedParameter] {
        [NamedParameter("weight", weight), NamedParameter("bias", bias)]
    }

    /// Applies the layer to the rows of `x`, a subset of `points` points; a dense layer would
    /// compute all of them.
    func callAsFunction(
        _ x: Tensor, _ activation: Activation, of points: Int
    ) throws(ProteanError) -> Tensor {
        guard x.rank == 2, x.shape[1] == inputs else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[points, \(inputs)]", found: x.shape)
        }
        let rows = x.shape[0]
        let cost = Cost(
            multiplyAdds: points * inputs * outputs, executedMultiplyAdds: rows * inputs * outputs,
            parameters: weight.count + bias.count,
            bytes: (rows * (inputs + outputs) + weight.count) * MemoryLayout<Float>.stride)
        return try traced("PointwiseConv1d", path: label, input: x, cost: { _ in cost }) {
            () throws(ProteanError) in
            if rows == 0 { return try Tensor(emptyLike: x, shape: [0, outputs]) }
            let y = try Operations.conv2d(
                try x.reshaped(to: [rows, 1, 1, inputs]), plans,
                epilogue: Conv2dEpilogue(activation: activation), layer: place)
            return try y.reshaped(to: [rows, outputs])
        }
    }
}
