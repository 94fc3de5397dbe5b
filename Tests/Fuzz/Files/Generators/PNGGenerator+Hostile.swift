// Sizes that the data does not back, data that no size backs, and chunks without end.
extension PNGGenerator {
    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        let kinds: [(String, (inout FuzzRandom, Int) -> [UInt8])] = [
            ("large size, little data", emptySize), ("bomb", bomb), ("narrow bomb", narrowBomb),
            ("data beyond the image", surplus), ("short data", shortData),
            ("many chunks", manyChunks), ("many pieces", manyPieces),
            ("compressed text", compressedText), ("order", order), ("palette", wrongPalette),
            ("lying length", lyingLength), ("no end", noEnd), ("odd header", oddHeader),
        ]
        let (label, make) = random.pick(kinds)
        return FileSample(bytes: make(&random, budget), label: label)
    }

    /// Sizes around what readers limit, in all shapes.
    private static func largeSize(_ random: inout FuzzRandom, pixels: Int) -> (Int, Int) {
        let width = random.size(upTo: pixels)
        let height = max(1, pixels / width)
        return random.oneIn(2) ? (width, height) : (height, width)
    }

    private static func emptySize(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = header(&random)
        let pixels = random.pick([1_000_000, 16_000_000, 99_999_999, 100_000_000, 1 << 31, 1 << 40])
        (header.width, header.height) = largeSize(&random, pixels: pixels)
        let stream = random.oneIn(2) ? Deflate.zeros(random.below(4000)) : random.bytes(20)
        return file(header, stream: stream)
    }

    /// A valid image of zeros, as large as its compressed data may be.
    private static func bomb(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = header(&random)
        let bits = header.depth * header.channels
        let limit = max(1, (budget - 1200) * 1000 * 8 / bits)
        (header.width, header.height) = largeSize(
            &random, pixels: min(random.size(upTo: limit), 99_000_000))
        if header.dataCount > (budget - 1200) * 1000 { header.height = 1 }
        if header.dataCount > (budget - 1200) * 1000 { header.width = 100 }
        return file(header, stream: Deflate.zeros(header.dataCount))
    }

    private static func narrowBomb(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = header(&random)
        header.width = random.within(1...3)
        header.height = max(1, (budget - 1200) * 1000 / (1 + header.width * 8))
        return file(header, stream: Deflate.zeros(header.dataCount))
    }

    private static func surplus(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let header = header(&random)
        let extra = random.size(upTo: max(1, (budget - 1200) * 1000))
        return file(header, stream: Deflate.zeros(header.dataCount + extra))
    }

    private static func shortData(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = header(&random)
        header.height *= random.pick([1, 10, 1000])
        let stream = Deflate.zeros(random.below(header.dataCount))
        return file(header, stream: Array(stream.prefix(random.size(upTo: stream.count))))
    }

    private static func manyChunks(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let header = header(&random)
        let unit = random.pick([
            chunk("tEXt", Array("a\u{0}b".utf8)), chunk("sBIT", [1]), chunk("aaAa"),
            chunk("zTXt", Array("a\u{0}\u{0}".utf8) + Deflate.zeros(100_000)), chunk("IDAT"),
            chunk("sPLT", Array("a\u{0}\u{8}".utf8) + [1, 2, 3, 4, 0, 1]),
            chunk("PLTE", [0, 0, 0]),
            chunk("iTXt", Array("a\u{0}\u{0}\u{0}\u{0}\u{0}b".utf8)), chunk("IHDR", header.bytes),
            chunk("gAMA", [0, 0, 1, 0]), chunk("eXIf", [0x49, 0x49, 42, 0, 8, 0, 0, 0, 0, 0]),
        ])
        let extra = [UInt8](repeating: unit, upTo: random.size(upTo: max(1, budget - 2000)))
        return file(header, extra: extra, stream: Deflate.zeros(header.dataCount))
    }

    private static func manyPieces(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = header(&random)
        header.height = 400
        let stream = Deflate.zeros(header.dataCount)
        return file(header, stream: stream, pieces: stream.count)
    }

    /// Compressed ancillary data that unpack to 90 MB.
    private static func compressedText(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let header = header(&random)
        let bomb = Deflate.zeros(random.size(upTo: max(1, (budget - 2000) * 1000)))
        let extra = random.pick([
            chunk("zTXt", Array("a\u{0}\u{0}".utf8) + bomb),
            chunk("iTXt", Array("a\u{0}\u{1}\u{0}\u{0}\u{0}".utf8) + bomb),
            chunk("iCCP", Array("a\u{0}\u{0}".utf8) + bomb),
        ])
        return file(header, extra: extra, stream: Deflate.zeros(header.dataCount))
    }

    private static func order(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let header = header(&random)
        var chunks = [
            chunk("IHDR", header.bytes), chunk("PLTE", random.bytes(12)), ancillary(&random),
            chunk("IDAT", Deflate.zeros(header.dataCount)), chunk("IEND"), chunk("tRNS", [0, 0]),
        ]
        chunks.shuffle(using: &random)
        return signature + chunks.prefix(random.within(1...6)).flatMap { $0 }
    }

    private static func wrongPalette(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = header(&random)
        header.color = 3
        header.depth = random.pick([1, 2, 4, 8, 8])
        let noise = (0..<header.dataCount).map { _ in UInt8(random.below(256)) & 0xf0 }
        let extra = chunk("tRNS", random.bytes(random.below(300)))
        let bytes =
            signature + chunk("IHDR", header.bytes)
            + chunk("PLTE", random.bytes(random.pick([0, 1, 3, 6, 768, 771, 3000])))
        return bytes + extra + chunk("IDAT", Deflate.stored(noise)) + chunk("IEND")
    }

    private static func lyingLength(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var bytes = valid(&random).bytes
        let lengths: [UInt32] = [0, 1, 12, 0x7fff_ffff, 0x8000_0000, .max, UInt32(bytes.count)]
        var length: [UInt8] = []
        length.append(big: random.pick(lengths))
        let place = random.oneIn(3) ? 8 : 33
        bytes.replaceSubrange(place..<(place + 4), with: length)
        return bytes
    }

    private static func noEnd(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let bytes = valid(&random).bytes
        return Array(bytes.dropLast(random.pick([1, 4, 12, 13, 16, 20])))
    }

    private static func oddHeader(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = header(&random)
        header.color = random.below(8)
        header.depth = random.pick([0, 1, 2, 3, 8, 16, 32])
        if random.oneIn(2) {
            header.width = random.pick([0, 1 << 31, (1 << 31) - 1, (1 << 32) - 1])
        }
        if random.oneIn(2) { header.height = random.pick([0, 1 << 31, (1 << 31) - 1]) }
        let data = random.oneIn(3) ? random.bytes(64) : Deflate.zeros(200)
        return file(header, stream: data)
    }
}
