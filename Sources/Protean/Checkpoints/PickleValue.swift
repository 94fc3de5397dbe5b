/// A value in a pickle, in four bytes: its kind and the index of its data.
///
/// A malicious file can create one value per byte, so the size of this type is the ratio of the
/// memory for reading a file to the file's size.
struct PickleValue: Equatable {
    enum Kind: UInt8 {
        case none, no, yes
        /// A whole number in the value itself.
        case small
        /// Indices of tables of ``PickledObject``.
        case integer, long, number, text, bytes, node, global, storage, tensor
    }

    let bits: UInt32

    static let none = PickleValue(.none)
    /// The largest index or whole number that fits.
    static let maximumPayload = 1 << 27 - 1

    /// A value with the given ``bits``.
    init(bits: UInt32) { self.bits = bits }

    private init(_ kind: Kind) { bits = UInt32(kind.rawValue) << 28 }

    static func bool(_ value: Bool) -> PickleValue { PickleValue(value ? .yes : .no) }

    /// A value that refers to a table's entry.
    init(_ kind: Kind, index: Int) throws(WeightFileProblem) {
        guard index <= Self.maximumPayload else {
            throw .limitExceeded(
                what: "the number of values in a pickle", limit: Self.maximumPayload, found: index)
        }
        bits = UInt32(kind.rawValue) << 28 | UInt32(index)
    }

    /// A whole number that fits the value itself; nil for larger ones.
    init?(small number: Int) {
        guard number.magnitude <= UInt(Self.maximumPayload) else { return nil }
        bits =
            UInt32(Kind.small.rawValue) << 28
            | UInt32(truncatingIfNeeded: number) & 0x0fff_ffff
    }

    // Every value was made with a kind's raw value.
    var kind: Kind { Kind(rawValue: UInt8(bits >> 28)) ?? .none }

    /// The index in the kind's table.
    var index: Int { Int(bits & 0x0fff_ffff) }

    /// The number of a ``Kind/small``, whose payload is in two's complement.
    var smallNumber: Int { Int(Int32(bitPattern: bits << 4) >> 4) }

    /// The index, if the value is of this kind.
    func index(of kind: Kind) -> Int? { self.kind == kind ? index : nil }
}

/// Text in a pickle, as the range of its bytes; it is converted to a `String` only if it is a name.
struct PickleText {
    enum Encoding: UInt8 {
        case utf8
        /// Python 2's strings: one byte is one scalar.
        case latin1
        /// Protocol 0's strings, with backslashes.
        case escaped
    }

    let start: UInt32
    private let bits: UInt32

    static let maximumLength = 1 << 30 - 1

    /// - Throws: ``WeightFileProblem/limitExceeded(what:limit:found:)`` for an offset or length
    ///   that does not fit four bytes.
    init(_ range: Range<Int>, _ encoding: Encoding) throws(WeightFileProblem) {
        guard range.upperBound <= Int(UInt32.max), range.count <= Self.maximumLength else {
            throw .limitExceeded(
                what: "the length of a pickle", limit: Self.maximumLength, found: range.upperBound)
        }
        start = UInt32(range.lowerBound)
        bits = UInt32(encoding.rawValue) << 30 | UInt32(range.count)
    }

    var length: Int { Int(bits & 0x3fff_ffff) }
    var range: Range<Int> { Int(start)..<(Int(start) + length) }
    var encoding: Encoding { Encoding(rawValue: UInt8(bits >> 30)) ?? .latin1 }
}

extension PickleText {
    /// The text, or nil if it is not valid in its encoding.
    func string(in bytes: UnsafeRawBufferPointer) -> String? {
        let content = UnsafeRawBufferPointer(rebasing: bytes[range])
        switch encoding {
        case .utf8: return String(validating: content, as: UTF8.self)
        case .latin1: return String(String.UnicodeScalarView(content.map { Unicode.Scalar($0) }))
        case .escaped: return Self.unescaped(content)
        }
    }

    /// Whether the text is exactly `other`. Linear in the length of `other`.
    func equals(_ other: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard length == other.utf8CodeUnitCount else { return false }
        return bytes[range].elementsEqual(
            UnsafeBufferPointer(start: other.utf8Start, count: length))
    }

    private static func unescaped(_ content: UnsafeRawBufferPointer) -> String? {
        var text = String.UnicodeScalarView()
        var position = 0
        while position < content.count {
            let byte = content[position]
            position += 1
            guard byte == UInt8(ascii: "\\"), position < content.count else {
                text.append(Unicode.Scalar(byte))
                continue
            }
            let code = content[position]
            position += 1
            let digits: [UInt8: Int] = [
                UInt8(ascii: "x"): 2, UInt8(ascii: "u"): 4, UInt8(ascii: "U"): 8,
            ]
            if let count = digits[code] {
                guard content.count - position >= count,
                    let value = UInt32(
                        String(decoding: content[position..<(position + count)], as: UTF8.self),
                        radix: 16),
                    let scalar = Unicode.Scalar(value)
                else { return nil }
                text.append(scalar)
                position += count
            } else {
                text.append(plainEscapes[code] ?? Unicode.Scalar(code))
            }
        }
        return String(text)
    }

    private static let plainEscapes: [UInt8: Unicode.Scalar] = [
        UInt8(ascii: "n"): "\n", UInt8(ascii: "t"): "\t", UInt8(ascii: "r"): "\r",
    ]
}
