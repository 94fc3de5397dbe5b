// Numbers, text and bytes.
extension RestrictedUnpickler {
    /// The longest number or name of protocol 0, which stores them as lines.
    private static let maximumNumberLength = 4096

    /// Header operations and numbers.
    mutating func readScalar(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case 0x80:  // PROTO
            let version = try reader.byte()
            guard version <= 5 else { throw .unsupportedFeature("pickle protocol \(version)") }
        case 0x95: _ = try reader.size64()  // FRAME: a hint about buffering
        case UInt8(ascii: "N"): try push(.none)
        case 0x88: try push(.bool(true))
        case 0x89: try push(.bool(false))
        case UInt8(ascii: "J"): try push(integer: try reader.signed32())
        case UInt8(ascii: "K"): try push(integer: Int(try reader.byte()))
        case UInt8(ascii: "M"): try push(integer: try reader.unsigned16())
        case 0x8a: try pushLong(Int(try reader.byte()))
        case 0x8b: try pushLong(try reader.signed32())
        case UInt8(ascii: "G"):  // the one big-endian number of the format
            try push(number: Double(bitPattern: try reader.load(UInt64.self).byteSwapped))
        default: return false
        }
        return true
    }

    private mutating func push(integer: Int) throws(WeightFileProblem) {
        if let small = PickleValue(small: integer) { return try push(small) }
        object.integers.append(integer)
        try push(try PickleValue(.integer, index: object.integers.count - 1))
    }

    private mutating func push(number: Double) throws(WeightFileProblem) {
        object.numbers.append(number)
        try push(try PickleValue(.number, index: object.numbers.count - 1))
    }

    private mutating func push(
        _ kind: PickleValue.Kind, _ range: Range<Int>, _ encoding: PickleText.Encoding
    ) throws(WeightFileProblem) {
        object.texts.append(try PickleText(range, encoding))
        try push(try PickleValue(kind, index: object.texts.count - 1))
    }

    /// A little-endian two's complement number of `length` bytes.
    private mutating func pushLong(_ length: Int) throws(WeightFileProblem) {
        let range = try reader.take(length)
        guard length <= 8 else { return try push(.long, range, .latin1) }
        var value: UInt64 = 0
        for (shift, index) in range.enumerated() {
            value |= UInt64(reader.bytes[index]) << UInt64(8 * shift)
        }
        let unused = UInt64(64 - 8 * length)
        try push(integer: unused < 64 ? Int(Int64(bitPattern: value << unused) >> unused) : 0)
    }

    /// Text and bytes preceded by their length.
    mutating func readText(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "X"): try pushText(try reader.unsigned32(), .utf8)
        case 0x8c: try pushText(Int(try reader.byte()), .utf8)
        case 0x8d: try pushText(try reader.size64(), .utf8)
        // Python 2's text is bytes, in practice ASCII; other bytes are read as Latin-1, an option
        // of PyTorch.
        case UInt8(ascii: "U"): try pushText(Int(try reader.byte()), .latin1)
        case UInt8(ascii: "T"): try pushText(try reader.signed32(), .latin1)
        case UInt8(ascii: "B"): try pushBytes(try reader.unsigned32())
        case UInt8(ascii: "C"): try pushBytes(Int(try reader.byte()))
        case 0x8e, 0x96: try pushBytes(try reader.size64())
        default: return false
        }
        return true
    }

    private mutating func pushText(
        _ length: Int, _ encoding: PickleText.Encoding
    ) throws(WeightFileProblem) {
        try push(.text, try reader.take(length), encoding)
    }

    private mutating func pushBytes(_ length: Int) throws(WeightFileProblem) {
        try push(.bytes, try reader.take(length), .latin1)
    }

    /// Numbers and text of protocols 0 and 1, which end with a line feed.
    mutating func readLine(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "I"): try pushWhole(try reader.lineRange(), isLong: false)
        case UInt8(ascii: "L"): try pushWhole(try reader.lineRange(), isLong: true)
        case UInt8(ascii: "F"):
            guard let number = Double(try number(try reader.lineRange())) else {
                throw malformed("a number that is none")
            }
            try push(number: number)
        case UInt8(ascii: "S"):
            let range = try reader.lineRange()
            let quote = range.isEmpty ? 0 : reader.bytes[range.lowerBound]
            guard range.count >= 2, quote == reader.bytes[range.upperBound - 1],
                quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
            else { throw malformed("a text without quotes") }
            try push(.text, (range.lowerBound + 1)..<(range.upperBound - 1), .escaped)
        case UInt8(ascii: "V"): try push(.text, try reader.lineRange(), .escaped)
        default: return false
        }
        return true
    }

    private func number(_ range: Range<Int>) throws(WeightFileProblem) -> String {
        guard range.count <= Self.maximumNumberLength else {
            throw .limitExceeded(
                what: "the length of a number", limit: Self.maximumNumberLength,
                found: range.count)
        }
        return try reader.utf8(range)
    }

    /// `I00` and `I01` are truth values; long numbers end with `L`.
    private mutating func pushWhole(
        _ range: Range<Int>, isLong: Bool
    ) throws(WeightFileProblem) {
        var text = try number(range)[...]
        if isLong, text.last == "L" { text = text.dropLast() }
        if !isLong, text == "00" || text == "01" { return try push(.bool(text == "01")) }
        if let value = Int(text) { return try push(integer: value) }
        let digits = text.first == "-" ? text.dropFirst() : text
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw malformed("a whole number that is none")
        }
        try push(.long, range, .escaped)
    }
}
