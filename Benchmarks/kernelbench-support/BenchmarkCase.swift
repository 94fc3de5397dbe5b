/// A key of the case grammar.
package enum CaseKey: String, CaseIterable, Sendable {
    /// Batch.
    case n
    /// Input height.
    case h
    /// Input width.
    case w
    /// Planes of a volume.
    case d
    /// Input channels.
    case c
    /// Output channels.
    case k
    /// Kernel size of both axes.
    case r
    /// Kernel height.
    case rh
    /// Kernel width.
    case rw
    /// Step between outputs.
    case stride
    /// Rows and columns added on each side.
    case pad
    /// Step between kernel taps.
    case dilation
    /// Channel groups.
    case groups
    /// Kernels to mix.
    case experts
    /// Regions of a map.
    case regions
    /// Groups of channels that share their offsets.
    case offsetGroups = "offset_groups"
    /// Side of a kernel's scope.
    case scope
    /// Boxes that are pooled.
    case boxes
    /// Spread of random offsets in pixels.
    case sigma
    /// Whether samples are modulated: 0 or 1.
    case mask
    /// Factor of an upsampling.
    case up
    /// Share of active positions.
    case density
    /// Share of the map in which two masks differ.
    case changed
    /// Pattern of active positions.
    case pattern
    /// Seed of the random numbers.
    case seed
    /// The algorithm to use.
    case algorithm
    /// Activation applied to the result.
    case activation
}

/// A value that the grammar has checked.
package enum CaseValue: Equatable, Sendable, CustomStringConvertible {
    /// A whole number.
    case integer(Int)
    /// A number.
    case real(Double)
    /// A word.
    case word(String)

    /// As written in a case line.
    package var description: String {
        switch self {
        case .integer(let value): "\(value)"
        case .real(let value): "\(value)"
        case .word(let value): value
        }
    }
}

/// One line of a shape file: a kernel on a shape.
package struct BenchmarkCase: Equatable, Sendable {
    /// The case's name, such as `resnet50.layer1.conv2`.
    package let name: String
    /// The kernel's name, such as `conv2d`.
    package let kernel: String
    /// The values given in the line.
    package let values: [CaseKey: CaseValue]
    /// The position of the line, for errors.
    package let place: String

    /// Describes a case.
    package init(name: String, kernel: String, values: [CaseKey: CaseValue], place: String) {
        self.name = name
        self.kernel = kernel
        self.values = values
        self.place = place
    }

    /// A line that parses to this case, with keys in the grammar's order.
    package var line: String {
        let keys = CaseKey.allCases.compactMap { key in
            values[key].map { "\(key.rawValue)=\($0)" }
        }
        return ([name, kernel] + keys).joined(separator: " ")
    }

    /// An error about this case.
    package func error(_ key: CaseKey?, expected: String, found: String) -> CaseError {
        CaseError(
            place: place, name: name, key: key?.rawValue, expected: expected, found: found)
    }

    /// The whole number under `key`, or `fallback`; without one the key is required.
    package func integer(_ key: CaseKey, default fallback: Int? = nil) throws(CaseError) -> Int {
        if case .integer(let value) = values[key] { return value }
        guard let fallback else {
            throw error(key, expected: "a value, \(kernel) needs one", found: "none")
        }
        return fallback
    }

    /// The word under `key`, which must be one of `choices`; nil when the line has none.
    package func word(_ key: CaseKey, of choices: [String]) throws(CaseError) -> String? {
        guard case .word(let value) = values[key] else { return nil }
        guard choices.contains(value) else {
            throw error(key, expected: choices.joined(separator: " | "), found: value)
        }
        return value
    }

    /// The seed of the random numbers.
    package var seed: UInt64 {
        if case .integer(let value) = values[.seed] { return UInt64(value) }
        return 1
    }
}
