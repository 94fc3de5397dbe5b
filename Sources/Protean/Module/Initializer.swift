import CProteanKernels

/// Initial values for a model that is not loaded from a file. The same seed gives the same values,
/// SplitMix64's numbers.
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

/// A convolution with a part that predicts where it samples, and whose initial values are zeros.
protocol PredictsPositions: Module {
    /// What the samples are multiplied by, or taken from.
    var sampledWeight: NamedParameter { get }
}

extension Module {
    /// Gives the weights of all convolutions and linear layers below this module fresh values:
    /// uniform with variance 2 / inputs per output, so that signals neither fade nor grow through
    /// rectified layers, however many there are.
    ///
    /// He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", arXiv 1502.01852. Everything else keeps
    /// its values: biases, the scales and statistics of norms, and what predicts the positions of
    /// deformable convolutions. Values follow from the seed and the weight's path (SplitMix64 on the
    /// path's 64-bit FNV-1a hash plus the seed), so they are the same in every run.
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func initializeWeights(seed: UInt64 = 0) throws(ProteanError) {
        for (path, weight) in rectifierWeights(prefix: "") {
            let fanIn = weight.shape.dropFirst().reduce(1, *)
            let bound = (6 / Float(max(1, fanIn))).squareRoot()
            let values = try Initializer.uniform(
                weight.shape, in: -bound...bound, seed: Initializer.seed(path) &+ seed)
            try weight.set(values)
        }
    }

    /// The weights of convolutions and linear layers, each with its path.
    private func rectifierWeights(prefix: String) -> [(path: String, weight: Parameter)] {
        // What predicts positions stays at zero: samples begin on the regular grid.
        if let weight = (self as? any PredictsPositions)?.sampledWeight {
            return [(prefix.appendingPath(weight.name), weight.parameter)]
        }
        let path = prefix.appendingPath("weight")
        let own = (self as? Conv2d)?.weight ?? (self as? Linear)?.weight
        return (own.map { [(path, $0)] } ?? [])
            + submodules.flatMap {
                $0.module.rectifierWeights(prefix: prefix.appendingPath($0.name))
            }
    }
}

extension Initializer {
    /// A seed for the parameter at `path`, so that different paths get different values.
    fileprivate static func seed(_ path: String) -> UInt64 {
        path.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}

/// A small generator of 64-bit numbers: a counter whose bits are mixed (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
