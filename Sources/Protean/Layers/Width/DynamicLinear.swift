/// A fully connected layer of which each row computes only some units: `y_A = W[A, :] · x + b_A`,
/// 0 elsewhere.
///
/// The set A of a row follows from scores of its units by a ``Rule``: a mask (`.nonzero`), the units of
/// the largest scores (`.top`), winners (`.winners`) or those above a threshold, as the sign of a cheap
/// estimate of the result. Bengio, Bacon, Pineau, Precup, "Conditional Computation in Neural Networks for
/// Faster Models", arXiv 1511.06297; Davis, Arel, "Low-Rank Approximations for Conditional Feedforward
/// Computation in Deep Neural Networks", arXiv 1312.4461. Scores choose and do not scale the result.
///
/// Input `[…, inputFeatures]` and scores `[…, outputFeatures]`, output `[…, outputFeatures]`.
/// Parameters `weight` `[out, in]` and `bias` `[out]`, as ``Linear``. Cost: |A| · in multiply-adds
/// per row; weights of other units are not read. ``callAsFunction(_:prefix:inputs:)`` computes the first
/// units of all rows on packed weights.
public final class DynamicLinear: MultiInputLayer, HasInitialWeights {
    /// Size of the innermost axis of the input.
    public let inputFeatures: Int
    /// Size of the innermost axis of the output.
    public let outputFeatures: Int
    /// How scores choose units.
    public let rule: Rule
    /// `[out, in]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private struct Prefix: Equatable, Sendable {
        var version, units, inputs: Int
        var isa: KernelISA
    }

    private let prefixes = Derived<Prefix, PackedConv2d>(capacity: 8)

    /// A layer with seeded initial values, uniform in ±1/√inputs.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputFeatures: Int, outputFeatures: Int, rule: Rule = .nonzero, bias: Bool = true,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(inputFeatures, "inputFeatures", layer: "DynamicLinear")
        try checkChannels(outputFeatures, "outputFeatures", layer: "DynamicLinear")
        self.inputFeatures = inputFeatures
        self.outputFeatures = outputFeatures
        self.rule = rule
        try rule.check(actions: outputFeatures, layer: "DynamicLinear")
        weight = try Parameter(
            uniform: [outputFeatures, inputFeatures], fanIn: inputFeatures, seed: seed,
            layer: "DynamicLinear")
        self.bias =
            bias
            ? try Parameter(
                uniform: [outputFeatures], fanIn: inputFeatures, seed: ~seed,
                layer: "DynamicLinear") : nil
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// `weight`.
    public var initialWeights: [InitialWeight] { [InitialWeight("weight", weight)] }

    /// `scores`.
    public var inputNames: [String] { ["scores"] }

    /// ``inputFeatures`` in, ``outputFeatures`` out.
    public var channelFlow: ChannelFlow { .fixed(input: inputFeatures, output: outputFeatures) }

    /// The units that the scores choose.
    ///
    /// - Throws: ``ProteanError`` when `x`, the scores or the number of inputs do not fit.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        let y = try callAsFunction(x, scores: inputs[0])
        return epilogue.parts.isEmpty ? y : try epilogue.applied(to: y, layer: place)
    }

    /// The units that `scores`, shaped like the output, choose for each row.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(_ x: Tensor, scores: Tensor) throws(ProteanError) -> Tensor {
        let shape = try outputShape(x)
        guard scores.shape == shape else {
            throw .shapeMismatch(
                layer: place, tensor: "scores", expected: "\(shape)", found: scores.shape)
        }
        let rows = x.count / inputFeatures
        if x.isShapeOnly || scores.isShapeOnly || rows == 0 {
            return try run(x, executed: rows * outputFeatures) { () throws(ProteanError) in
                try Tensor(emptyOrShapeOnly: shape, like: [x, scores])
            }
        }
        let table = try scores.reshaped(to: [rows, outputFeatures])
        let choice = try DecisionSource.decide(
            site: place, batch: rows, actions: outputFeatures
        ) { () throws(ProteanError) in try rule.choose(table, layer: place) }
        return try callAsFunction(x, units: UnitLists(choice))
    }

    /// The listed units of each row; others are 0.
    ///
    /// - Throws: ``ProteanError`` when `x` or the lists do not fit.
    public func callAsFunction(_ x: Tensor, units: UnitLists) throws(ProteanError) -> Tensor {
        let shape = try outputShape(x)
        let flat = try x.reshaped(to: [x.count / inputFeatures, inputFeatures])
        let byRow = { () -> [Int] in
            let each = max(x.shape.dropLast().dropFirst().reduce(1, *), 1)
            return (0..<flat.shape[0] / each).map { row in
                (row * each..<(row + 1) * each).reduce(0) { $0 + units[$1].count }
                    * self.inputFeatures
            }
        }
        return try run(x, executed: units.count, byRow: byRow) { () throws(ProteanError) in
            try Operations.selectedLinear(
                flat, weight: weight.value, bias: bias?.value, units: units, layer: place
            ).reshaped(to: shape)
        }
    }

    /// The first units of all rows, from the first features of the input: a layer of smaller width
    /// on the same weights.
    ///
    /// - Parameters:
    ///   - x: `[…, inputs]`.
    ///   - units: number of units, 1…``outputFeatures``.
    ///   - inputs: features that `x` has, 1…``inputFeatures``; nil for all.
    /// - Returns: `[…, units]`.
    /// - Throws: ``ProteanError`` when `x` or a number does not fit.
    public func callAsFunction(
        _ x: Tensor, prefix units: Int, inputs: Int? = nil
    ) throws(ProteanError) -> Tensor {
        let inputs = inputs ?? inputFeatures
        try checkOption(units, "prefix", in: 1...outputFeatures, layer: place)
        try checkOption(inputs, "inputs", in: 1...inputFeatures, layer: place)
        guard x.rank >= 1, x.shape[x.rank - 1] == inputs else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[…, \(inputs)]", found: x.shape)
        }
        let rows = x.count / inputs, shape = Array(x.shape.dropLast()) + [units]
        return try run(x, executed: rows * units, inputs: inputs) { () throws(ProteanError) in
            if x.isShapeOnly || rows == 0 {
                return try Tensor(emptyOrShapeOnly: shape, like: [x])
            }
            let map = try x.reshaped(to: [1, 1, rows, inputs])
            let packed = try packed(units, inputs, for: map.shape)
            return try Operations.conv2d(map, packed: packed, layer: place).reshaped(to: shape)
        }
    }

    private func packed(
        _ units: Int, _ inputs: Int, for shape: [Int]
    ) throws(ProteanError) -> PackedConv2d {
        let version = weight.version + (bias?.version ?? 0)
        let key = Prefix(
            version: version, units: units, inputs: inputs, isa: try Runtime.isa())
        return try prefixes.value(for: key) { () throws(ProteanError) in
            let geometry = try Conv2dGeometry(
                inputChannels: inputs, outputChannels: units, kernelSize: 1, layer: place)
            let own = try Operations.slice(
                weight.value, [AxisSlice(0..<units), AxisSlice(0..<inputs)])
            let ownBias = try bias.map { (bias) throws(ProteanError) in
                try Operations.slice(bias.value, [AxisSlice(0..<units)])
            }
            return try PackedConv2d(
                weight: own.reshaped(to: geometry.weightShape), bias: ownBias, geometry: geometry,
                packing: geometry.packing(for: shape, layer: place), layer: place)
        }
    }

    private func outputShape(_ x: Tensor) throws(ProteanError) -> [Int] {
        guard x.rank >= 1, x.shape[x.rank - 1] == inputFeatures else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[…, \(inputFeatures)]", found: x.shape)
        }
        return Array(x.shape.dropLast()) + [outputFeatures]
    }

    /// Runs `body`, which computes `executed` units.
    private func run(
        _ x: Tensor, executed: Int, inputs: Int? = nil, byRow: (() -> [Int])? = nil,
        _ body: () throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> Tensor {
        let inputs = inputs ?? inputFeatures
        return try traced(
            "DynamicLinear", path: label, input: x,
            cost: { y in
                Cost(
                    multiplyAdds: x.count / inputs * outputFeatures * inputFeatures,
                    executedMultiplyAdds: executed * inputs, parameters: parameterCount,
                    bytes: (x.count + y.count + min(executed, outputFeatures) * inputs)
                        * MemoryLayout<Float>.stride)
            }, executedByRow: x.rank > 1 ? byRow : nil, body)
    }
}

extension Tensor {
    /// A tensor without elements, or of a shape only when one of `inputs` carries no values.
    init(emptyOrShapeOnly shape: [Int], like inputs: [Tensor]) throws(ProteanError) {
        if inputs.contains(where: \.isShapeOnly) {
            try self.init(shapeOnly: shape)
        } else {
            try self.init(uninitialized: shape)
        }
    }
}
