extension String {
    /// The text with everything that could steer a terminal or reorder a line written as `\u{…}`:
    /// control characters, invisible and bidirectional format characters, line separators.
    /// Names, paths and metadata of files pass through this wherever they are printed.
    package var escaped: String {
        guard unicodeScalars.contains(where: Self.isUnprintable) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            if Self.isUnprintable(scalar) {
                result += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
            .unassigned:
            return true
        default: return false
        }
    }
}
