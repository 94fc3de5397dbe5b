/// Initial values for a model that is not loaded from a file. The same seed gives the same values.
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
        var generator = SplitMix64(seed: seed)
        let count = try Shape.elementCount(shape, layer: "Initializer")
        let tensor = try Tensor(uninitialized: shape, for: "Initializer")
        let width = range.upperBound - range.lowerBound
        for i in 0..<count {
            let unit = Float(generator.next() >> 40) * 0x1p-24
            tensor.storage!.base[i] = range.lowerBound + width * unit
        }
        return tensor
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
