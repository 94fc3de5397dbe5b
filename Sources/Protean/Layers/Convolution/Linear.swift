/// A fully connected layer: `y = x · weightᵀ + bias` over the innermost axis.
///
/// Input `[…, inputFeatures]`, output `[…, outputFeatures]`; `torch.nn.Linear`. Parameters:
/// `weight` `[out, in]` and `bias` `[out]`. Runs through the convolution's kernels as a 1 × 1
/// convolution. Cost: rows · in · out multiply-adds.
public final class Linear: FoldsNorm, HasInitialWeights {
    /// Size of the innermost axis of the input.
    public let inputFeatures: Int
    /// Size of the innermost axis of the output.
    public let outputFeatures: Int
    /// `[out, in]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let plans: Conv2dPlanCache

    /// A linear layer with seeded initial values, uniform in ±1/√inputs.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputFeatures: Int, outputFeatures: Int, bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let geometry = try Self.geometry(inputFeatures, outputFeatures)
        self.inputFeatures = inputFeatures
        self.outputFeatures = outputFeatures
        weight = try Parameter(
            uniform: [outputFeatures, inputFeatures], fanIn: inputFeatures, seed: seed,
            layer: "Linear")
        self.bias =
            bias
            ? try Parameter(
                uniform: [outputFeatures], fanIn: inputFeatures, seed: ~seed, layer: "Linear")
            : nil
        plans = Conv2dPlanCache(weight: weight, bias: self.bias, geometry: geometry)
    }

    /// A layer whose parameters are initially zero.
    static func zeros(from inputs: Int, to outputs: Int) throws(ProteanError) -> Linear {
        let geometry = try geometry(inputs, outputs)
        return Linear(
            geometry: geometry,
            weight: try Parameter(repeating: 0, shape: [outputs, inputs], layer: "Linear"),
            bias: try Parameter(repeating: 0, shape: [outputs], layer: "Linear"))
    }

    private init(geometry: Conv2dGeometry, weight: Parameter, bias: Parameter) {
        inputFeatures = geometry.inputChannels
        outputFeatures = geometry.outputChannels
        self.weight = weight
        self.bias = bias
        plans = Conv2dPlanCache(weight: weight, bias: bias, geometry: geometry)
    }

    /// A linear layer with the given weights `[out, in]` and bias `[out]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public init(weight: Tensor, bias: Tensor? = nil) throws(ProteanError) {
        guard weight.rank == 2 else {
            throw .shapeMismatch(
                layer: "Linear", tensor: "weight", expected: "[out, in]", found: weight.shape)
        }
        if let bias, bias.shape != [weight.shape[0]] {
            throw .shapeMismatch(
                layer: "Linear", tensor: "bias", expected: "[\(weight.shape[0])]",
                found: bias.shape)
        }
        inputFeatures = weight.shape[1]
        outputFeatures = weight.shape[0]
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
        plans = Conv2dPlanCache(
            weight: self.weight, bias: self.bias,
            geometry: try Self.geometry(inputFeatures, outputFeatures))
    }

    private static func geometry(
        _ inputs: Int, _ outputs: Int
    ) throws(ProteanError) -> Conv2dGeometry {
        try Conv2dGeometry(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 1, layer: "Linear")
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// `weight`.
    public var initialWeights: [InitialWeight] { [InitialWeight("weight", weight)] }

    /// `x · weightᵀ + bias`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// `activation(x · weightᵀ + bias)` in one pass.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        try run(x, plans, Conv2dEpilogue(activation: activation))
    }

    /// An activation and a residual.
    public var epilogueParts: EpilogueParts { [.activation, .residual] }

    /// activation(x · weightᵀ + bias + residual) in one pass.
    ///
    /// - Throws: ``ProteanError`` when `x` or the residual does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try run(x, plans, epilogue)
    }

    /// norm(x · weightᵀ + bias) as one kernel.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel {
        try norm.check(follows: plans.geometry, layer: "Linear")
        let folded = Conv2dPlanCache(
            weight: weight, bias: bias, norm: norm, geometry: plans.geometry)
        return Folded(linear: self, plans: folded)
    }

    /// A linear layer with a norm folded in.
    private struct Folded: EpilogueKernel {
        let linear: Linear
        let plans: Conv2dPlanCache

        var epilogueParts: EpilogueParts { linear.epilogueParts }

        func callAsFunction(
            _ x: Tensor, epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            guard epilogueParts.isSuperset(of: epilogue.parts) else {
                let y = try linear.run(x, plans, Conv2dEpilogue())
                return try epilogue.applied(to: y, layer: linear.place)
            }
            return try linear.run(x, plans, epilogue)
        }
    }

    /// Treats rows as images of one pixel, which the kernel joins to one image: the plan serves every
    /// number of rows.
    private func run(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard x.rank >= 1, x.shape[x.rank - 1] == inputFeatures else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[…, \(inputFeatures)]", found: x.shape)
        }
        let shape = Array(x.shape.dropLast()) + [outputFeatures]
        var epilogue = epilogue
        if let residual = epilogue.residual {
            guard residual.shape == shape else {
                throw .shapeMismatch(
                    layer: place, tensor: "residual", expected: "\(shape)", found: residual.shape)
            }
            epilogue.residual = try residual.reshaped(
                to: [residual.count / outputFeatures, 1, 1, outputFeatures])
        }
        return try traced(
            "Linear", path: label, input: x,
            cost: { cost(input: x, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            let rows = try x.reshaped(to: [x.count / inputFeatures, 1, 1, inputFeatures])
            if rows.count == 0 { return try Tensor(emptyLike: x, shape: shape) }
            let y = try Operations.conv2d(rows, plans, epilogue: epilogue, layer: place)
            return try y.reshaped(to: shape)
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let parameters = weight.count + (bias?.count ?? 0)
        return Cost(
            multiplyAdds: output.count * inputFeatures, parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}

extension Tensor {
    /// A tensor without elements, with or without storage like `model`.
    init(emptyLike model: Tensor, shape: [Int]) throws(ProteanError) {
        if model.isShapeOnly {
            try self.init(shapeOnly: shape)
        } else {
            try self.init(uninitialized: shape)
        }
    }
}
