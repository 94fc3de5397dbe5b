import CProteanKernels

/// Initial values for a model that is not loaded from a file, from the generator SplitMix64. The
/// same seed gives the same values.
enum Initializer {
    /// Uniform in ±1/√fanIn: PyTorch's default for convolutions and linear layers.
    static func uniform(
        _ shape: [Int], fanIn: Int, seed: UInt64
    ) throws(ProteanError) -> Tensor {
        let bound = 1 / Float(max(fanIn, 1)).squareRoot()
        return try uniform(shape, in: -bound...bound, seed: seed)
    }

    /// Uniform in a range.
    static func uniform(
        _ shape: [Int], in range: ClosedRange<Float>, seed: UInt64
    ) throws(ProteanError) -> Tensor {
        let tensor = try Tensor(uninitialized: shape, for: "Initializer")
        if let storage = tensor.storage {
            ptn_fill_uniform(
                seed, range.lowerBound, range.upperBound, tensor.count, storage.base)
        }
        return tensor
    }
}

extension Parameter {
    /// Values uniform in ±1/√fanIn, made when they are first read; PyTorch's default for convolutions
    /// and linear layers.
    convenience init(
        uniform shape: [Int], fanIn: Int, seed: UInt64, layer: String
    ) throws(ProteanError) {
        let bound = 1 / Float(max(fanIn, 1)).squareRoot()
        try self.init(uniform: shape, in: -bound...bound, seed: seed, layer: layer)
    }

    /// Values uniform in a range, made when they are first read.
    convenience init(
        uniform shape: [Int], in range: ClosedRange<Float>, seed: UInt64, layer: String
    ) throws(ProteanError) {
        try self.init(shape: shape, layer: layer) { values in
            guard let base = values.baseAddress else { return }
            ptn_fill_uniform(seed, range.lowerBound, range.upperBound, values.count, base)
        }
    }

    /// Equal values, written when they are first read.
    convenience init(
        repeating value: Float, shape: [Int], isBuffer: Bool = false, layer: String
    ) throws(ProteanError) {
        try self.init(shape: shape, isBuffer: isBuffer, layer: layer) {
            $0.initialize(repeating: value)
        }
    }
}
