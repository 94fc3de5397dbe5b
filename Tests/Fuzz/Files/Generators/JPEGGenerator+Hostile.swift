// Sizes, scans and segments that cost more than they hold.
extension JPEGGenerator {
    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        let kinds: [(String, (inout FuzzRandom, Int) -> [UInt8])] = [
            ("many scans", manyScans), ("large size, little data", emptySize), ("flat", flat),
            ("segments", segments), ("EXIF", exifLies), ("restarts", restarts), ("tables", tables),
            ("frame kinds", frameKinds), ("sampling", sampling), ("scan order", scanOrder),
            ("noise", noise), ("no height", noHeight), ("colours", colours),
        ]
        let (label, make) = random.pick(kinds)
        return FileSample(bytes: make(&random, budget), label: label)
    }

    private static func sized(_ frame: inout Frame, _ random: inout FuzzRandom, pixels: Int) {
        frame.width = max(1, min(65500, random.size(upTo: pixels)))
        frame.height = max(1, min(65500, pixels / frame.width))
    }

    /// Scans that end after a few bits each: a run of empty blocks takes 15 bits for 32767.
    private static func manyScans(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.isProgressive = true
        frame.restartInterval = 0
        let limit = random.pick([10_000, 1_000_000, 10_000_000, 100_000_000])
        sized(&frame, &random, pixels: random.size(upTo: limit))
        let all = Array(frame.factors.indices)
        var bytes = head(frame) + scanHeader(all, spectrum: (0, 0))
        // The first scan at one bit a block is large; without it, libraries warn and go on.
        let first = entropy(frame, bitsPerBlock: 1)
        bytes += first.count < budget / 2 ? first : []
        let scan = emptyRuns(blocks: units(frame).count * units(frame).blocks)
        var spectrum: UInt8 = 1
        for _ in 0..<random.size(upTo: 600) where bytes.count + scan.count + 12 < budget {
            bytes += scanHeader(
                [random.below(frame.factors.count)],
                spectrum: random.oneIn(2) ? (1, 63) : (spectrum, spectrum),
                approximation: random.pick([0, 0x01, 0x10, 0x21]))
            bytes += scan
            spectrum = spectrum % 63 + 1
        }
        return bytes + end
    }

    /// The code `0` stands for a run of 2¹⁴ empty blocks and as many more as 14 bits say: here
    /// 10101010101010, so that no byte looks like a marker.
    private static func emptyRuns(blocks: Int) -> [UInt8] {
        let runs = blocks / (16384 + 10922) + 1
        let bits = (0..<(15 * min(runs, 400))).map { $0 % 15 % 2 == 1 }
        return stride(from: 0, to: bits.count, by: 8).map { start in
            (0..<8).reduce(UInt8(0)) { byte, bit in
                byte << 1 | (start + bit < bits.count && !bits[start + bit] ? 0 : 1)
            }
        }
    }

    private static func emptySize(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        let limit = random.pick([1_000_000, 16_000_000, 99_999_999, 100_000_000, 1 << 31])
        sized(&frame, &random, pixels: limit)
        let all = Array(frame.factors.indices)
        let scan = frame.isProgressive ? scanHeader(all, spectrum: (0, 0)) : scanHeader(all)
        return head(frame) + scan + [UInt8](repeating: 0, count: random.below(300)) + end
    }

    /// A valid image of one colour, as large as its data may be.
    private static func flat(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.restartInterval = 0
        let bits = frame.isProgressive ? 1 : 2
        let blocks = max(
            1, (budget - 600) * 8 / bits / frame.factors.reduce(0) { $0 + $1.0 * $1.1 })
        sized(&frame, &random, pixels: random.size(upTo: 64 * blocks))
        let all = Array(frame.factors.indices)
        let scan = frame.isProgressive ? scanHeader(all, spectrum: (0, 0)) : scanHeader(all)
        let data = entropy(frame, bitsPerBlock: bits).prefix(budget - 600)
        return head(frame) + scan + data + end
    }

    private static func segments(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let marker: UInt8 = random.pick([
            0xfe, 0xe0, 0xe1, 0xe2, 0xee, 0xdb, 0xc4, 0xdd, 0xff, 0x01,
        ])
        let unit: [UInt8] =
            switch marker {
            case 0xdb: quantization()
            case 0xc4: table(kind: 1, 0)
            case 0xdd: segment(0xdd, [0, 1])
            case 0xff: [0xff]
            case 0x01: [0xff, 0x01]
            default: segment(marker, random.bytes(random.below(8)))
            }
        let extra = [UInt8](repeating: unit, upTo: random.size(upTo: max(1, budget - 1000)))
        let frame = frame(&random)
        return head(frame, extra: extra) + scanHeader(Array(frame.factors.indices))
            + entropy(frame, bitsPerBlock: 2) + end
    }

    /// EXIF directories with counts, places and links that lead nowhere or in circles.
    private static func exifLies(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let isBig = random.oneIn(2)
        func number16(_ value: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            isBig
                ? bytes.append(big: UInt16(truncatingIfNeeded: value))
                : bytes.append(little: UInt16(truncatingIfNeeded: value))
            return bytes
        }
        func number32(_ value: Int) -> [UInt8] {
            let (high, low) = (number16(value >> 16), number16(value))
            return isBig ? high + low : low + high
        }
        let entries = random.pick([0, 1, 3, 65535])
        var data = Array("Exif\u{0}\u{0}".utf8) + Array((isBig ? "MM" : "II").utf8) + number16(42)
        data += number32(random.pick([8, 8, 8, 0, 7, 0xffff_ffff, 1 << 20])) + number16(entries)
        let kinds = random.pick([[0x112], [0x112, 0x112], [0x8769, 0x112], [0x100, 0x10e]])
        for index in 0..<min(entries, random.size(upTo: 4000)) {
            data +=
                number16(kinds[index % kinds.count]) + number16(random.pick([3, 3, 3, 4, 2, 13]))
            data += number32(random.pick([1, 1, 1, 0, 0xffff_ffff]))
            data += number16(random.below(10)) + number16(0)
        }
        data += number32(random.pick([0, 8, 0xffff_ffff]))
        let frame = frame(&random)
        let extra = segment(0xe1, Array(data.prefix(65533)))
        return head(frame, extra: extra) + scanHeader(Array(frame.factors.indices))
            + entropy(frame, bitsPerBlock: 2) + end
    }
}
