/// Reads little-endian numbers from untrusted bytes.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var position: Int
    /// A name for the data, for error messages.
    let what: String

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, what: String) {
        self.bytes = bytes
        self.position = min(max(position, 0), bytes.count)
        self.what = what
    }

    var remaining: Int { bytes.count - position }

    /// Consumes the next `count` bytes and returns their range.
    mutating func take(_ count: Int) throws(WeightFileProblem) -> Range<Int> {
        guard count >= 0, count <= remaining else {
            throw .truncated(what: what, expected: count, found: remaining)
        }
        defer { position += count }
        return position..<(position + count)
    }

    mutating func byte() throws(WeightFileProblem) -> UInt8 {
        guard remaining >= 1 else { throw .truncated(what: what, expected: 1, found: 0) }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func unsigned16() throws(WeightFileProblem) -> Int { Int(try load(UInt16.self)) }
    mutating func unsigned32() throws(WeightFileProblem) -> Int { Int(try load(UInt32.self)) }
    mutating func signed32() throws(WeightFileProblem) -> Int { Int(try load(Int32.self)) }

    /// An unsigned 64-bit number that must fit an `Int`, as every size in memory does.
    mutating func size64() throws(WeightFileProblem) -> Int {
        let value = try load(UInt64.self)
        guard let size = Int(exactly: value) else {
            throw .limitExceeded(what: "a size in \(what)", limit: Int.max, found: Int.max)
        }
        return size
    }

    mutating func load<T: FixedWidthInteger>(_ type: T.Type) throws(WeightFileProblem) -> T {
        let range = try take(MemoryLayout<T>.size)
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: type))
    }

    /// The text up to the next line feed, which is consumed but not returned.
    mutating func line(limit: Int) throws(WeightFileProblem) -> String {
        try utf8(try lineRange(limit: limit))
    }

    /// The range of the bytes up to the next line feed, which is consumed but not returned.
    mutating func lineRange(limit: Int = .max) throws(WeightFileProblem) -> Range<Int> {
        let window = bytes[position..<(position + min(remaining, limit))]
        guard let end = window.firstIndex(of: 0x0a) else {
            guard window.count < limit else {
                throw .limitExceeded(
                    what: "the length of a line in \(what)", limit: limit, found: limit + 1)
            }
            throw .truncated(
                what: "a line in \(what)", expected: window.count + 1, found: window.count)
        }
        defer { position = end + 1 }
        return position..<end
    }

    /// The bytes of `range` as text.
    func utf8(_ range: Range<Int>) throws(WeightFileProblem) -> String {
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw .malformed(what: what, reason: "text at byte \(range.lowerBound) is not UTF-8")
        }
        return text
    }
}
