/// PNG files.
enum PNGGenerator: FileGenerator {
    static let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

    /// What the header says.
    struct Header {
        var width = 1
        var height = 1
        var depth = 8
        /// 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha.
        var color = 0
        var isInterlaced = false

        var channels: Int { [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][color] ?? 1 }
        var bytes: [UInt8] {
            var bytes: [UInt8] = []
            bytes.append(big: UInt32(truncatingIfNeeded: width))
            bytes.append(big: UInt32(truncatingIfNeeded: height))
            return bytes + [UInt8(depth), UInt8(color), 0, 0, isInterlaced ? 1 : 0]
        }

        /// Bytes of all rows, each with its filter's byte.
        var dataCount: Int {
            guard isInterlaced else { return count(width, height) }
            let passes = [
                (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                (0, 1, 1, 2),
            ]
            return passes.reduce(0) { sum, pass in
                sum
                    + count(
                        (width - pass.0 + pass.2 - 1) / pass.2,
                        (height - pass.1 + pass.3 - 1) / pass.3)
            }
        }

        private func count(_ width: Int, _ height: Int) -> Int {
            width > 0 ? height * (1 + (width * depth * channels + 7) / 8) : 0
        }
    }

    static func chunk(_ type: String, _ data: [UInt8] = []) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: UInt32(data.count))
        let body = Array(type.utf8) + data
        bytes += body
        bytes.append(big: Checksum.crc32(body))
        return bytes
    }

    private static let forms = [
        (0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8),
        (4, 8), (4, 16), (6, 8), (6, 16),
    ]

    static func header(_ random: inout FuzzRandom) -> Header {
        let (color, depth) = random.pick(forms)
        return Header(
            width: random.within(1...24), height: random.within(1...24), depth: depth, color: color,
            isInterlaced: random.oneIn(3))
    }

    static func valid(_ random: inout FuzzRandom) -> FileSample {
        let header = header(&random)
        let extra = random.oneIn(2) ? ancillary(&random) : []
        // Filter bytes are 0: any row of noise is then within the format. A palette has all colours.
        let stream =
            random.oneIn(2)
            ? Deflate.zeros(header.dataCount) : Deflate.stored(rows(header, &random))
        let isGrey = header.color == 0 || header.color == 4
        return FileSample(
            bytes: file(header, extra: extra, stream: stream),
            expectation: .image(
                width: header.width, height: header.height, channels: isGrey ? 1 : 3),
            label: "valid")
    }

    private static func rows(_ header: Header, _ random: inout FuzzRandom) -> [UInt8] {
        // Rows of an interlaced file have many lengths; bytes of 0 and 1 suit filters and samples.
        (0..<header.dataCount).map { _ in UInt8(random.below(2)) }
    }

    private static func palette(_ header: Header) -> [UInt8] {
        guard header.color == 3 else { return [] }
        return chunk(
            "PLTE", (0..<(3 << min(header.depth, 8))).map { UInt8(truncatingIfNeeded: $0) })
    }

    static func file(
        _ header: Header, extra: [UInt8] = [], stream: [UInt8], pieces: Int = 1
    ) -> [UInt8] {
        var bytes = signature + chunk("IHDR", header.bytes) + palette(header) + extra
        let size = max(1, (stream.count + pieces - 1) / pieces)
        for start in stride(from: 0, to: stream.count, by: size) {
            bytes += chunk("IDAT", Array(stream[start..<min(start + size, stream.count)]))
        }
        return bytes + chunk("IEND")
    }

    static func ancillary(_ random: inout FuzzRandom) -> [UInt8] {
        switch random.below(4) {
        case 0: chunk("gAMA", [0, 0, 0xb1, 0x8f])
        case 1:
            chunk(
                "tEXt", Array("Title\u{0}".utf8) + random.bytes(random.below(40)).map { $0 | 0x40 })
        case 2: chunk("pHYs", [0, 0, 0x0b, 0x13, 0, 0, 0x0b, 0x13, 1])
        default: chunk("tIME", [7, 0xe8, 1, 2, 3, 4, 5])
        }
    }

    /// A valid file with damage, and checksums that fit it.
    static func altered(_ random: inout FuzzRandom, budget: Int) -> [UInt8] {
        let damaged = ByteMutator.mutated(valid(&random).bytes, &random, limit: budget)
        return random.oneIn(4) ? damaged : repaired(damaged)
    }

    /// Chunks' checksums made right, as far as the chunks can be followed.
    private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var place = 8
        while place + 12 <= bytes.count {
            let length = bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) }
            guard length <= bytes.count - place - 12 else { break }
            let end = place + 8 + length
            var checksum: [UInt8] = []
            checksum.append(big: Checksum.crc32(bytes[(place + 4)..<end]))
            bytes.replaceSubrange(end..<(end + 4), with: checksum)
            place = end + 4
        }
        return bytes
    }
}
