/// A strict JSON parser (RFC 8259) for untrusted text: no comments, no trailing commas, no repeated
/// names, UTF-8 only, bounded nesting and number of values.
struct JSONParser {
    /// Maximum nesting depth of arrays and objects.
    static let maximumDepth = 64
    /// Maximum number of values in a text.
    static let maximumValues = 1 << 22
    /// Maximum length in bytes of a name in an object of a tree. Swift's `String` compares long
    /// runs of combining characters in quadratic time, and readers of trees use names as keys.
    static let maximumNameLength = 1024
    /// Maximum number of characters in a number.
    static let maximumNumberLength = 1024

    private let bytes: UnsafeRawBufferPointer
    private let what: String
    private var position = 0
    private var values = 0

    /// The value in the text `bytes`; white space around it is allowed.
    ///
    /// - Throws: ``WeightFileProblem/malformed(what:reason:)``, `nesting`, `limitExceeded`, or
    ///   `duplicateName` for a name that occurs twice in one object.
    static func parse(
        _ bytes: UnsafeRawBufferPointer, what: String = "JSON"
    ) throws(WeightFileProblem) -> JSONValue {
        var parser = JSONParser(bytes: bytes, what: what)
        let value = try parser.value(depth: 0)
        try parser.finish()
        return value
    }

    /// A parser at the beginning of `bytes`, which must outlive it.
    init(bytes: UnsafeRawBufferPointer, what: String) {
        self.bytes = bytes
        self.what = what
    }

    private func malformed(_ reason: String) -> WeightFileProblem {
        .malformed(what: what, reason: "\(reason) at byte \(position)")
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            position += 1
        }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(WeightFileProblem) {
        guard accept(UInt8(ascii: character)) else { throw malformed("expected '\(character)'") }
    }

    private mutating func value(depth: Int) throws(WeightFileProblem) -> JSONValue {
        guard depth <= Self.maximumDepth else { throw .nesting(limit: Self.maximumDepth) }
        values += 1
        guard values <= Self.maximumValues else {
            throw .limitExceeded(
                what: "the number of values in \(what)", limit: Self.maximumValues, found: values)
        }
        skipSpace()
        guard let first = next else { throw malformed("expected a value") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw malformed("expected a value")
        }
    }

    private mutating func word(
        _ text: StaticString, _ value: JSONValue
    ) throws(WeightFileProblem) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount {
            guard accept(text.utf8Start[index]) else { throw malformed("expected '\(text)'") }
        }
        return value
    }

    private mutating func array(depth: Int) throws(WeightFileProblem) -> JSONValue {
        var elements: [JSONValue] = []
        try readArray { parser throws(WeightFileProblem) in
            elements.append(try parser.value(depth: depth + 1))
        }
        return .array(elements)
    }

    private mutating func object(depth: Int) throws(WeightFileProblem) -> JSONValue {
        var members: [JSONValue.Member] = []
        var names: Set<ExactName> = []
        try readObject { parser, name throws(WeightFileProblem) in
            guard name.utf8.count <= Self.maximumNameLength else {
                throw .limitExceeded(
                    what: "the length of a name in \(parser.what)", limit: Self.maximumNameLength,
                    found: name.utf8.count)
            }
            guard names.insert(ExactName(name)).inserted else { throw .duplicateName(name) }
            members.append(.init(name: name, value: try parser.value(depth: depth + 1)))
        }
        return .object(members)
    }
}

// Reading without a tree, for text of known structure: only the requested values are kept.
extension JSONParser {
    /// Reads an array; `element` must consume one value each time.
    mutating func readArray(
        _ element: (inout JSONParser) throws(WeightFileProblem) -> Void
    ) throws(WeightFileProblem) {
        skipSpace()
        try expect("[")
        skipSpace()
        if accept(UInt8(ascii: "]")) { return }
        while true {
            try element(&self)
            skipSpace()
            if accept(UInt8(ascii: "]")) { return }
            try expect(",")
        }
    }

    /// Reads an object; `member` gets a name and must consume its value. Names may repeat.
    mutating func readObject(
        _ member: (inout JSONParser, String) throws(WeightFileProblem) -> Void
    ) throws(WeightFileProblem) {
        skipSpace()
        try expect("{")
        skipSpace()
        if accept(UInt8(ascii: "}")) { return }
        while true {
            skipSpace()
            let name = try string()
            skipSpace()
            try expect(":")
            try member(&self, name)
            skipSpace()
            if accept(UInt8(ascii: "}")) { return }
            try expect(",")
        }
    }

    /// The first byte of the next value, or nil at the end.
    mutating func peek() -> UInt8? {
        skipSpace()
        return next
    }

    /// Throws unless only white space is left.
    mutating func finish() throws(WeightFileProblem) {
        skipSpace()
        guard position == bytes.count else { throw malformed("text after the end") }
    }

    /// Reads a value of any kind.
    mutating func readValue() throws(WeightFileProblem) -> JSONValue { try value(depth: 0) }
}

// Numbers and strings.
extension JSONParser {
    private mutating func digits() throws(WeightFileProblem) {
        guard let first = next, isDigit(first) else { throw malformed("expected a digit") }
        while let byte = next, isDigit(byte) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private mutating func number() throws(WeightFileProblem) -> JSONValue {
        let start = position
        var isWhole = true
        _ = accept(UInt8(ascii: "-"))
        if !accept(UInt8(ascii: "0")) { try digits() }
        if accept(UInt8(ascii: ".")) {
            isWhole = false
            try digits()
        }
        if accept(UInt8(ascii: "e")) || accept(UInt8(ascii: "E")) {
            isWhole = false
            if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
            try digits()
        }
        if let byte = next, isDigit(byte) { throw malformed("a number starts with 0") }
        guard position - start <= Self.maximumNumberLength else {
            throw malformed("a number has more than \(Self.maximumNumberLength) characters")
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw malformed("the number \(text.prefix(40)) is too large")
        }
        return .number(number)
    }

    mutating func string() throws(WeightFileProblem) -> String {
        guard accept(UInt8(ascii: "\"")) else { throw malformed("expected a string") }
        let start = position
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            guard byte >= 0x20 else { throw malformed("a control character in a string") }
            position += 1
        }
        var text = try utf8(start..<position)
        while !accept(UInt8(ascii: "\"")) {
            try piece(of: &text)
        }
        return text
    }

    /// An escape or a run of plain characters.
    private mutating func piece(of text: inout String) throws(WeightFileProblem) {
        guard let byte = next else { throw malformed("a string without an end") }
        if byte == UInt8(ascii: "\\") {
            position += 1
            text.unicodeScalars.append(try escape())
            return
        }
        let start = position
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            guard byte >= 0x20 else { throw malformed("a control character in a string") }
            position += 1
        }
        text += try utf8(start..<position)
    }

    private func utf8(_ range: Range<Int>) throws(WeightFileProblem) -> String {
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw malformed("text that is not UTF-8")
        }
        return text
    }

    private mutating func escape() throws(WeightFileProblem) -> Unicode.Scalar {
        guard let byte = next else { throw malformed("a string without an end") }
        position += 1
        switch Unicode.Scalar(byte) {
        case "\"": return "\""
        case "\\": return "\\"
        case "/": return "/"
        case "b": return "\u{8}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u": return try codePoint()
        default: throw malformed("an unknown escape")
        }
    }

    /// The scalar after `\u`; two surrogates make one.
    private mutating func codePoint() throws(WeightFileProblem) -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u")) else {
            throw malformed("half a surrogate pair")
        }
        let second = try fourDigits()
        guard (0xdc00...0xdfff).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        else { throw malformed("half a surrogate pair") }
        return scalar
    }

    private mutating func fourDigits() throws(WeightFileProblem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
