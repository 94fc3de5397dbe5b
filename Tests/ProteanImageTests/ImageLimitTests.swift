import Testing

@testable import ProteanImage

/// Small files that state large images, or long work.
@Suite struct ImageLimitTests {
    private func error(_ bytes: [UInt8]) -> ImageError? {
        #expect(throws: ImageError.self) { try Image.decode(bytes, name: "f") }
    }

    private func expectTruncated(_ bytes: [UInt8], _ part: String) {
        guard case .truncated(file: "f", let reason) = error(bytes), reason.contains(part) else {
            Issue.record("\(String(describing: error(bytes))) lacks \(part)")
            return
        }
    }

    private func expectLimit(_ bytes: [UInt8], _ part: String) {
        guard case .limitExceeded(file: "f", let reason) = error(bytes), reason.contains(part)
        else {
            Issue.record("\(String(describing: error(bytes))) lacks \(part)")
            return
        }
    }

    @Test(arguments: [(1, 100_000_000), (100_000_000, 1), (262_145, 2), (0, 5), (10_001, 10_000)])
    func sizesBeyondTheLimitsAreRefused(width: UInt32, height: UInt32) {
        let png = TestPNG(width: width, height: height, pixels: TestPNG.stored([0, 1, 2, 3]))
        let found = error(png.bytes)
        // libpng refuses sizes of 0 itself.
        if width == 0 {
            guard case .corrupt(file: "f", _) = found else {
                Issue.record("\(String(describing: found))")
                return
            }
        } else {
            #expect(found == .invalidSize(file: "f", width: Int(width), height: Int(height)))
        }
    }

    /// No compressed stream grows by more than 1032.
    @Test func aPNGThatCannotHoldItsSizeIsRefusedByItsHeader() {
        let pixels = TestPNG.stored([0, 1, 2, 3])
        let size = "\(pixels.count) bytes cannot hold 10000 x 10000 pixels"
        expectTruncated(TestPNG(width: 10_000, height: 10_000, pixels: pixels).bytes, size)
        // 15 bytes may stand for 15,480: one more is too much.
        #expect(pixels.count == 15)
        let most = TestPNG(width: 15_480, height: 1, color: 0, pixels: pixels)
        expectTruncated(most.bytes, "Not enough image data")
        let more = TestPNG(width: 15_480 + 1032, height: 1, color: 0, pixels: pixels)
        expectTruncated(more.bytes, "cannot hold")
    }

    /// Beyond 32 MiB, memory follows the file's size.
    @Test func memoryFollowsTheFilesSize() {
        let pixels = TestPNG.stored([UInt8](repeating: 0, count: 60_000))
        let png = TestPNG(width: 5000, height: 5000, depth: 1, color: 0, pixels: pixels)
        // A megapixel takes a megabyte here: within the limit, and truncated.
        expectTruncated(png.bytes, "Not enough image data")
        let larger = TestPNG(width: 7500, height: 7000, depth: 1, color: 0, pixels: pixels)
        let allowed = (32 << 20) + 256 * larger.bytes.count
        expectLimit(larger.bytes, "expected at most \(allowed)")
        // The same image in a larger file.
        var padded = larger
        padded.extra = TestPNG.chunk("tEXt", [UInt8](repeating: 65, count: 30_000))
        expectTruncated(padded.bytes, "Not enough image data")
    }

    @Test func aJPEGThatCannotHoldItsSizeIsRefusedByItsHeader() {
        var jpeg = TestJPEG()
        jpeg.frame(0xC0, width: 8000, height: 8000, components: 1)
        jpeg.tables(symbol: 0)
        jpeg.scan(components: 1, first: 0, last: 63, data: [0, 0, 0])
        expectTruncated(jpeg.ended, "cannot hold 8000 x 8000 pixels")
    }

    /// A progressive file keeps all coefficients: 10,000 x 10,000 in three colours take 900 MB.
    @Test func aProgressiveJPEGCountsItsCoefficients() {
        var jpeg = TestJPEG()
        jpeg.frame(0xC2, width: 10_000, height: 10_000, components: 3)
        jpeg.tables(symbol: 0xE0)
        for _ in 0..<99 { jpeg.scan(components: 1, first: 1, last: 63, data: [0x7F, 0xFE]) }
        expectLimit(jpeg.ended, "take 900000000 bytes")
    }

    /// A scan in which runs of 32,767 blocks end: 6 bytes for up to 65,534 blocks.
    private static let runs: [UInt8] = [0x7F, 0xFE, 0xFF, 0x00, 0xFF, 0x00]

    private func progressive(side: UInt16, scans: Int) -> [UInt8] {
        var jpeg = TestJPEG()
        jpeg.frame(0xC2, width: side, height: side, components: 1)
        jpeg.tables(symbol: 0xE0)
        for _ in 0..<scans { jpeg.scan(components: 1, first: 1, last: 63, data: Self.runs) }
        return jpeg.ended
    }

    @Test func scansAndTheirBlocksAreCounted() throws {
        let image = try Image.decode(progressive(side: 2000, scans: 20), name: "f")
        #expect(image.width == 2000 && Set(image.pixels) == [128])
        // 62,500 blocks, passed over by each scan: the 70th goes too far.
        let long = progressive(side: 2000, scans: 90)
        let allowed = (1 << 22) + 64 * long.count
        let scans = allowed / 62_500 + 1
        expectLimit(
            long, "\(scans) scans of a file of \(long.count) bytes pass over \(scans * 62_500)")
        #expect(throws: Never.self) {
            try Image.decode(progressive(side: 8, scans: 100), name: "f")
        }
        expectLimit(progressive(side: 8, scans: 101), "expected at most 100 scans")
    }

    @Test func kindsThatAreNotReadAreNamed() {
        let kinds: [(marker: UInt8, precision: UInt8, part: String)] = [
            (0xC9, 8, "arithmetic"), (0xC1, 12, "precision 12"), (0xC3, 8, "0xc3"),
        ]
        for (marker, precision, part) in kinds {
            var jpeg = TestJPEG()
            jpeg.frame(marker, width: 8, height: 8, components: 1, precision: precision)
            jpeg.tables(symbol: 0)
            jpeg.scan(components: 1, first: 0, last: 63, data: [0, 0])
            guard case .unsupported(file: "f", let feature) = error(jpeg.ended),
                feature.contains(part)
            else {
                Issue.record("\(part): \(String(describing: error(jpeg.ended)))")
                continue
            }
        }
    }
}
