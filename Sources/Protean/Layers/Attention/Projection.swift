/// A fully connected layer on pooled vectors, stored as in the reference: as a linear layer or as a
/// 1 × 1 convolution.
enum Projection: Sendable {
    case linear(Linear)
    case convolution(Conv2d)

    init(
        from inputs: Int, to outputs: Int, linear: Bool, bias: Bool, seed: UInt64
    ) throws(ProteanError) {
        if linear {
            self = .linear(
                try Linear(
                    inputFeatures: inputs, outputFeatures: outputs, bias: bias, seed: seed))
        } else {
            self = .convolution(
                try Conv2d(
                    inputChannels: inputs, outputChannels: outputs, kernelSize: 1, bias: bias,
                    seed: seed))
        }
    }

    var module: any Module {
        switch self {
        case .linear(let layer): layer
        case .convolution(let layer): layer
        }
    }

    /// activation(W · x + b) for `x` of shape `[batch, features]`.
    func callAsFunction(
        _ x: Tensor, _ activation: Activation
    ) throws(ProteanError) -> Tensor {
        switch self {
        case .linear(let layer):
            return try layer(x, activation: activation)
        case .convolution(let layer):
            let map = try x.reshaped(to: [x.shape[0], 1, 1, x.shape[1]])
            let y = try layer(map, epilogue: Conv2dEpilogue(activation: activation))
            return try y.reshaped(to: [y.shape[0], y.shape[3]])
        }
    }
}

extension Projection {
    /// `[outputs, inputs]`, or with two further axes of size 1.
    var weight: Parameter {
        switch self {
        case .linear(let layer): layer.weight
        case .convolution(let layer): layer.weight
        }
    }

    /// `[outputs]`, or nil.
    var bias: Parameter? {
        switch self {
        case .linear(let layer): layer.bias
        case .convolution(let layer): layer.bias
        }
    }
}
