import Protean

/// What one case draws from: the same seed and number give the same case on every machine.
struct LayerCaseRandom {
    private var generator: SplitMix64

    init(seed: UInt64, number: Int) {
        var mixer = SplitMix64(seed: seed)
        generator = SplitMix64(seed: mixer.next() ^ (UInt64(number) &* 0x9E37_79B9_7F4A_7C15))
    }

    /// A whole number of a range.
    mutating func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(generator.next() % UInt64(range.count))
    }

    /// Whether something that happens so often, of 100 times, happens.
    mutating func percent(_ share: Int) -> Bool { int(0...99) < share }

    /// One of several.
    mutating func pick<T>(_ all: [T]) -> T { all[int(0...all.count - 1)] }

    /// A number in ±1.
    mutating func float() -> Float { Float(Int64(bitPattern: generator.next()) >> 40) * 0x1p-23 }

    /// A divisor of a number of at least 1.
    mutating func divisor(of number: Int) -> Int {
        pick((1...number).filter { number % $0 == 0 })
    }

    /// Elements in ±1; with `special`, some are not numbers, infinite, huge or tiny.
    mutating func elements(_ count: Int, special: Bool = false, positive: Bool = false) -> [Float] {
        var values = (0..<count).map { _ in positive ? abs(float()) + 0.25 : float() }
        guard special, count > 0 else { return values }
        let unusual: [Float] = [.nan, .infinity, -.infinity, 1e30, -1e30, 0x1p-140, 0, 3e5]
        for _ in 0...int(0...2) { values[int(0...count - 1)] = pick(unusual) }
        return values
    }
}
