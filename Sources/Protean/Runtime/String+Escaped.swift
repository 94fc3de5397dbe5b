extension String {
    /// The text with all characters that could control a terminal or reorder a line written as
    /// `\u{…}`: control characters, invisible and bidirectional format characters, line separators.
    /// Bytes of file names that are not UTF-8 (``PathBytes``) become `\xFF`. Names, paths and
    /// metadata of files pass through this wherever they are printed.
    package var escaped: String {
        guard unicodeScalars.contains(where: Self.isUnprintable) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            if let byte = PathBytes.byte(of: scalar) {
                result += "\\x" + String(byte, radix: 16, uppercase: true)
            } else if Self.isUnprintable(scalar) {
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

    /// JSON text in which the characters that ``escaped`` would replace are written as JSON's
    /// equivalent `\uXXXX`: outside its strings JSON has no such characters except spaces and line
    /// ends.
    package var escapedJSON: String {
        guard unicodeScalars.contains(where: Self.isUnprintableInJSON) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            guard Self.isUnprintableInJSON(scalar) else {
                result.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result
    }

    private static func isUnprintableInJSON(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && isUnprintable(scalar)
    }
}
