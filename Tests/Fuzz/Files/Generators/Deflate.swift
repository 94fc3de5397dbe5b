/// zlib streams (RFC 1950, RFC 1951) of two kinds: bytes as they are, and zeros a thousandfold.
enum Deflate {
    /// `bytes` in stored blocks.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        var start = 0
        repeat {
            let end = min(start + 65535, bytes.count)
            stream.append(end == bytes.count ? 1 : 0)
            stream.append(little: UInt16(end - start))
            stream.append(little: ~UInt16(end - start))
            stream += bytes[start..<end]
            start = end
        } while start < bytes.count
        stream.append(big: Checksum.adler32(bytes))
        return stream
    }

    /// `count` zeros: a literal, then matches of 258 bytes at 2 bits each.
    static func zeros(_ count: Int) -> [UInt8] {
        var bits = BitWriter()
        bits.put(0b101, 3)  // last block, codes of its own
        // 286 literal codes, one distance code, lengths of all 18 code lengths up to the symbol 1.
        bits.put(29, 5)
        bits.put(0, 5)
        bits.put(14, 4)
        // The order of RFC 1951: 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1.
        let used = [2: 2, 15: 2, 17: 1]
        for place in 0..<18 { bits.put(used[place] ?? 0, 3) }
        // Codes: symbol 1 is 0; 2 is 10; 18 is 11, read from the highest bit on.
        func length(_ value: Int) { value == 1 ? bits.put(0, 1) : bits.put(0b01, 2) }
        func absent(_ run: Int) {
            bits.put(0b11, 2)
            bits.put(run - 11, 7)
        }
        length(2)  // literal 0
        absent(138)
        absent(117)
        length(2)  // 256, the end
        absent(28)
        length(1)  // 285, a match of 258
        length(1)  // distance 1
        // Literals' codes: 285 is 0; 0 is 10; 256 is 11.
        let matches = max(0, count - 1) / 258
        let literals = count - 258 * matches
        for _ in 0..<literals { bits.put(0b01, 2) }
        for _ in 0..<matches { bits.put(0b00, 2) }
        bits.put(0b11, 2)
        var stream: [UInt8] = [0x78, 0x01]
        stream += bits.finished
        // Adler-32 of zeros: the low sum stays 1, the high one counts them.
        stream.append(big: UInt32(count % 65521) << 16 | 1)
        return stream
    }
}

/// Bits from the lowest of each byte on.
struct BitWriter {
    private var bytes: [UInt8] = []
    private var partial: UInt64 = 0
    private var filled = 0

    mutating func put(_ value: Int, _ count: Int) {
        partial |= UInt64(value) << UInt64(filled)
        filled += count
        while filled >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: partial))
            partial >>= 8
            filled -= 8
        }
    }

    var finished: [UInt8] {
        filled > 0 ? bytes + [UInt8(truncatingIfNeeded: partial)] : bytes
    }
}
