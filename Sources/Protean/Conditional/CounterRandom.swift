import Foundation

/// Pseudo-random numbers without a state: each is a function of a seed, a place and a counter.
///
/// Draws for the rows of a batch are then the same in any order, on any number of threads and in
/// any company. Three rounds of the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", 2014), one for each argument.
public enum CounterRandom {
    /// 64 random bits for the draw `index` of row `row` at site `site`.
    public static func bits(seed: UInt64, site: Int, row: Int, index: Int = 0) -> UInt64 {
        var state = mixed(seed)
        for part in [site, row, index] {
            state = mixed(state ^ UInt64(bitPattern: Int64(part)) &* 0x9E37_79B9_7F4A_7C15)
        }
        return state
    }

    /// A number in 0 ..< 1 from the upper 24 bits.
    public static func uniform(seed: UInt64, site: Int, row: Int, index: Int = 0) -> Float {
        Float(bits(seed: seed, site: site, row: row, index: index) >> 40) * 0x1p-24
    }

    /// A number of the normal distribution with mean 0 and deviation 1, by Box and Muller from draws
    /// 2 · index and 2 · index + 1.
    public static func normal(seed: UInt64, site: Int, row: Int, index: Int = 0) -> Float {
        let first = uniform(seed: seed, site: site, row: row, index: 2 * index)
        let second = uniform(seed: seed, site: site, row: row, index: 2 * index + 1)
        let radius = (-2 * log(1 - Double(first))).squareRoot()
        return Float(radius * cos(2 * Double.pi * Double(second)))
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
