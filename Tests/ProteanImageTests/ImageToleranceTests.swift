import Foundation
import Testing

@testable import ProteanImage

/// Files that are odd and read all the same, and what is said about them.
@Suite struct ImageToleranceTests {
    private func decode(_ bytes: [UInt8]) throws -> (image: Image, notes: [ImageNote]) {
        var notes: [ImageNote] = []
        let image = try Image.decode(bytes, name: "f") { notes.append($0) }
        return (image, notes)
    }

    /// As Pillow: all that may lack are the checksums of the pixels and of their chunk, and IEND.
    @Test(
        arguments: [
            "rgb.png", "interlaced.png", "grey1.png", "grey16.png", "palette4.png", "rgba.png",
        ])
    func aFileCutBehindItsPixelsIsRead(file: String) throws {
        let bytes = try goldenBytes(file)
        let whole = try decode(bytes)
        #expect(whole.notes.isEmpty)
        for missing in 1...20 {
            let found = try decode(Array(bytes.dropLast(missing)))
            #expect(found.image == whole.image, "\(missing) bytes missing")
            #expect(found.notes == [.missingEnd(file: "f")])
        }
        let error = #expect(throws: ImageError.self) { try decode(Array(bytes.dropLast(24))) }
        guard case .truncated(file: "f", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func whatFollowsThePixelsIsToldApart() throws {
        let rows: [[UInt8]] = [[1, 2, 3], [4, 5, 6]]
        var png = TestPNG.grey(rows)
        let whole = try decode(png.bytes)
        #expect(whole.image.pixels == [1, 2, 3, 4, 5, 6] && whole.notes.isEmpty)
        let end = png.end

        png.end = end + Array("garbage".utf8)
        #expect(try decode(png.bytes).notes == [.trailingBytes(file: "f", count: 7)])
        png.end = TestPNG.chunk("tEXt", Array("a\0b".utf8)).dropLast(3) + []
        #expect(try decode(png.bytes).notes == [.missingEnd(file: "f")])
        png.end = Array("garbage instead".utf8)
        #expect(try decode(png.bytes).notes == [.missingEnd(file: "f")])
        png.end = end.dropLast() + [end[end.count - 1] ^ 1]
        #expect(try decode(png.bytes).notes == [.damagedEnd(file: "f")])

    }

    /// Damage to a chunk of pixels is told from a cut, even in a file that is cut.
    @Test func aDamagedChunkOfPixelsIsRefused() throws {
        let png = TestPNG.grey([[1, 2, 3], [4, 5, 6]])
        for end in [png.end, []] {
            var bytes = png.bytes.dropLast(12) + end
            let lastOfChecksum = bytes.count - end.count - 1
            bytes[lastOfChecksum] ^= 1
            let error = #expect(throws: ImageError.self) { try decode(Array(bytes)) }
            guard case .corrupt(file: "f", _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    /// Zlib's own checksum, with the last pixel or in a chunk of its own behind it.
    @Test func aWrongChecksumOfThePixelsIsRefused() throws {
        for isApart in [false, true] {
            var png = TestPNG.grey([[1, 2, 3], [4, 5, 6]])
            png.pixels[png.pixels.count - 1] ^= 1
            if isApart {
                png.end = TestPNG.chunk("IDAT", Array(png.pixels.suffix(4))) + png.end
                png.pixels.removeLast(4)
            }
            let error = #expect(throws: ImageError.self) { try decode(png.bytes) }
            guard case .corrupt(file: "f", _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    /// Texts and profiles are skipped, however they are damaged.
    @Test func chunksBesideThePixelsDoNotMatter() throws {
        let rows: [[UInt8]] = [[9, 8], [7, 6]]
        let extra =
            TestPNG.chunk("iCCP", Array("name".utf8) + [0, 0, 1, 2, 3])
            + TestPNG.chunk("zTXt", Array("key".utf8) + [0, 0, 255, 255])
            + TestPNG.chunk("gAMA", [0, 0, 0, 0]) + TestPNG.chunk("tRNS", [0, 9])
        let found = try decode(TestPNG.grey(rows, extra: extra).bytes)
        #expect(found.image.pixels == [9, 8, 7, 6] && found.notes.isEmpty)
    }

    /// Of 16 bits the upper 8 are kept.
    @Test func samplesOf16BitsKeepTheirUpperHalf() throws {
        let png = TestPNG(
            width: 3, height: 1, depth: 16, color: 0,
            pixels: TestPNG.stored([0, 0x00, 0xFF, 0x80, 0xFF, 0xFE, 0x01]))
        #expect(try decode(png.bytes).image.pixels == [0x00, 0x80, 0xFE])
    }

    @Test func notesAreOneLineWithoutControlCharacters() {
        let file = "a\u{1B}[31m\n"
        let notes: [ImageNote] = [
            .missingEnd(file: file), .damagedEnd(file: file),
            .trailingBytes(file: file, count: 3), .ignoredOrientation(file: file, orientation: 6),
        ]
        for note in notes {
            #expect(note.description.hasPrefix("a\\u{1B}[31m\\u{A}: "))
            #expect(!note.description.unicodeScalars.contains { $0.value < 32 })
        }
    }
}
