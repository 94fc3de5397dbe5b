/// Names in a zip file's directory, without checking the rest of the file.
enum ZipNames {
    /// The names in up to `limit` bytes of the directory, and whether there is a directory; without
    /// it, the name in the first member's local header.
    static func list(_ file: CheckpointBytes, limit: Int) -> (names: [[UInt8]], isWhole: Bool) {
        let first = withExtendedLifetime(file) { firstName(file.bytes) }
        guard let start = directoryStart(file),
            let directory = try? file.contents(of: start..<min(file.count, start + limit))
        else { return (first, false) }
        let names = withExtendedLifetime(directory) { list(directory.bytes) }
        return names.isEmpty ? (first, false) : (names, true)
    }

    private static func list(_ bytes: UnsafeRawBufferPointer) -> [[UInt8]] {
        let magic = Array("PK\u{1}\u{2}".utf8)
        var names: [[UInt8]] = []
        var place = 0
        while place + 46 <= bytes.count, bytes.holds(magic, at: place) {
            let name = number(bytes, place + 28, 2)
            let rest = number(bytes, place + 30, 2) + number(bytes, place + 32, 2)
            guard place + 46 + name <= bytes.count else { break }
            names.append(Array(bytes[(place + 46)..<(place + 46 + name)]))
            place += 46 + name + rest
        }
        return names
    }

    /// The directory's offset according to the record that ends it; a comment of up to 65,535 bytes
    /// may follow the record.
    private static func directoryStart(_ file: CheckpointBytes) -> Int? {
        let range = max(0, file.count - 22 - 65_535)..<file.count
        guard range.count >= 22, let tail = try? file.contents(of: range) else { return nil }
        return withExtendedLifetime(tail) {
            let magic = Array("PK\u{5}\u{6}".utf8)
            let found = (0...(range.count - 22)).reversed().first {
                tail.bytes[$0] == magic[0] && tail.bytes.holds(magic, at: $0)
            }
            guard let found else { return nil }
            let start = number(tail.bytes, found + 16, 4)
            return start < file.count ? start : nil
        }
    }

    private static func firstName(_ bytes: UnsafeRawBufferPointer) -> [[UInt8]] {
        guard bytes.count >= 30 else { return [] }
        let length = number(bytes, 26, 2)
        return 30 + length <= bytes.count ? [Array(bytes[30..<(30 + length)])] : []
    }

    private static func number(
        _ bytes: UnsafeRawBufferPointer, _ place: Int, _ count: Int
    ) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
}
