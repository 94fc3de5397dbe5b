/// Damage that knows nothing of formats but that they have numbers, runs and digits.
enum ByteMutator {
    private static let extremes: [UInt64] = [
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
        0x1_0000_0000, .max / 2, .max / 2 + 1, .max,
    ]
    private static let numbers = [
        "-1", "0", "1", "1e400", "4294967296", "9223372036854775807", "18446744073709551616", "0.5",
    ]

    /// A copy with one to eight places changed, at most `limit` bytes long.
    static func mutated(_ bytes: [UInt8], _ random: inout FuzzRandom, limit: Int) -> [UInt8] {
        var result = bytes
        for _ in 0..<random.within(1...8) where !result.isEmpty { change(&result, &random, limit) }
        return result.count <= limit ? result : Array(result[..<limit])
    }

    private static func change(_ bytes: inout [UInt8], _ random: inout FuzzRandom, _ limit: Int) {
        let place = random.below(bytes.count)
        let length = min(random.size(upTo: bytes.count), bytes.count - place)
        switch random.below(12) {
        case 0: bytes[place] ^= 1 << UInt8(random.below(8))
        case 1: bytes[place] = UInt8(random.below(256))
        case 2...4: overwrite(&bytes, at: place, &random)
        case 5: bytes.removeSubrange(place..<(place + length))
        case 6:
            let copies = [UInt8](
                repeating: Array(bytes[place..<(place + length)]),
                upTo: random.size(upTo: max(limit - bytes.count, 1)))
            bytes.insert(contentsOf: copies, at: place)
        case 7: bytes.insert(contentsOf: random.bytes(random.size(upTo: 16)), at: place)
        case 8: bytes.removeSubrange(place...)
        case 9:
            let other = random.below(bytes.count)
            let chunk = Array(bytes[place..<(place + length)].prefix(bytes.count - other))
            bytes.replaceSubrange(other..<(other + chunk.count), with: chunk)
        case 10: replaceDigits(&bytes, near: place, &random)
        default: bytes.swapAt(place, random.below(bytes.count))
        }
    }

    /// A number of 1 to 8 bytes in either order becomes an extreme one.
    private static func overwrite(
        _ bytes: inout [UInt8], at place: Int, _ random: inout FuzzRandom
    ) {
        let width = random.pick([1, 2, 4, 8])
        let value = random.pick(extremes)
        let isBig = random.oneIn(2)
        for index in 0..<width where place + index < bytes.count {
            let shift = 8 * UInt64(isBig ? width - 1 - index : index)
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }

    /// The next run of decimal digits becomes another number.
    private static func replaceDigits(
        _ bytes: inout [UInt8], near place: Int, _ random: inout FuzzRandom
    ) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let start = bytes[place...].firstIndex(where: digits.contains) else { return }
        let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: Array(random.pick(numbers).utf8))
    }

    /// The beginning of one file and the end of another.
    static func spliced(
        _ first: [UInt8], _ second: [UInt8], _ random: inout FuzzRandom, limit: Int
    ) -> [UInt8] {
        let joined =
            Array(first.prefix(random.below(first.count + 1)))
            + Array(second.suffix(random.below(second.count + 1)))
        return Array(joined.prefix(limit))
    }
}
