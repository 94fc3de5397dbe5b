/// Names in a zip file's directory, whatever else is wrong with the file.
enum ZipNames {
    /// The names of up to `limit` members, and whether the directory was found; without one, the name
    /// in the first member's own header.
    static func list(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) -> (names: [Slice<UnsafeRawBufferPointer>], isWhole: Bool) {
        guard let end = endRecord(bytes) else { return (firstName(bytes), false) }
        var names: [Slice<UnsafeRawBufferPointer>] = []
        var place = number(bytes, end + 16, 4)
        while names.count < limit, bytes.holds(Array("PK\u{1}\u{2}".utf8), at: place),
            place + 46 <= bytes.count
        {
            let name = number(bytes, place + 28, 2)
            let rest = number(bytes, place + 30, 2) + number(bytes, place + 32, 2)
            guard place + 46 + name <= bytes.count else { break }
            names.append(bytes[(place + 46)..<(place + 46 + name)])
            place += 46 + name + rest
        }
        return names.isEmpty ? (firstName(bytes), false) : (names, true)
    }

    /// The place of the record that ends the directory; a comment of up to 65,535 bytes may follow.
    private static func endRecord(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 22 else { return nil }
        let magic = Array("PK\u{5}\u{6}".utf8)
        let last = bytes.count - 22
        return (max(0, last - 65_535)...last).reversed().first { bytes.holds(magic, at: $0) }
    }

    private static func firstName(
        _ bytes: UnsafeRawBufferPointer
    ) -> [Slice<UnsafeRawBufferPointer>] {
        guard bytes.count >= 30 else { return [] }
        let length = number(bytes, 26, 2)
        return 30 + length <= bytes.count ? [bytes[30..<(30 + length)]] : []
    }

    private static func number(
        _ bytes: UnsafeRawBufferPointer, _ place: Int, _ count: Int
    ) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
}
