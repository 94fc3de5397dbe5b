import Protean

/// Checks of the options that MSDNet and RANet share.
enum ExitOptions {
    /// Throws for a value out of its range.
    static func check(
        _ values: [(option: String, value: Int, range: ClosedRange<Int>)], layer: String
    ) throws(ProteanError) {
        for (option, value, range) in values where !range.contains(value) {
            throw .invalidOption(
                layer: layer, option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)", found: "\(value)")
        }
    }

    /// Throws unless there are `count` factors in 1...64 each.
    static func check(
        factors: [(option: String, values: [Int])], count: Int, layer: String
    ) throws(ProteanError) {
        for (option, values) in factors
        where values.count != count || values.contains(where: { !(1...64).contains($0) }) {
            throw .invalidOption(
                layer: layer, option: option, expected: "\(count) factors in 1...64",
                found: "\(values)")
        }
    }

    /// Throws unless `share` is in 0...1.
    static func check(
        share: Double, _ option: String, layer: String
    ) throws(ProteanError) {
        guard (0...1).contains(share) else {
            throw .invalidOption(
                layer: layer, option: option, expected: "0...1", found: "\(share)")
        }
    }
}
