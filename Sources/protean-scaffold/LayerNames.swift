import ProteanCatalogue

/// The names of one layer in all places.
struct LayerNames {
    /// The Swift type, such as `SimAM`.
    let type: String
    let family: LayerFamily
    /// In snake case, such as `sim_am`: golden files, kernel, benchmark, generator's function.
    let stem: String
    /// The static member of the catalogue and the operation, such as `simAM`.
    let member: String

    /// Derives the names; `stem` replaces the snake-case name derived from the type's capitals.
    init(_ type: String, family: LayerFamily, stem: String? = nil) throws {
        guard let first = type.first, first.isASCII, first.isUppercase,
            type.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else {
            throw ScaffoldError(
                "the layer's name is '\(type)', expected a Swift type's: a capital, then letters and "
                    + "digits")
        }
        self.type = type
        self.family = family
        let stem = stem ?? Self.snakeCase(type)
        guard let start = stem.first, start.isLowercase,
            stem.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") })
        else {
            throw ScaffoldError(
                "the stem is '\(stem)', expected small letters, digits and underscores")
        }
        self.stem = stem
        member = Self.lowerCamelCase(type)
    }

    /// A word begins at a capital after a small letter or digit, and at the last capital of a run
    /// that a small letter follows: `RMSNorm` is `rms_norm`.
    static func snakeCase(_ type: String) -> String {
        let letters = Array(type)
        var result = ""
        for (index, letter) in letters.enumerated() {
            let begins =
                letter.isUppercase && index > 0
                && (!letters[index - 1].isUppercase
                    || (index + 1 < letters.count && letters[index + 1].isLowercase))
            result += (begins ? "_" : "") + letter.lowercased()
        }
        return result
    }

    /// The first word in small letters: `rmsNorm`.
    static func lowerCamelCase(_ type: String) -> String {
        let first = snakeCase(type).prefix { $0 != "_" }
        return String(first) + type.dropFirst(first.count)
    }
}
