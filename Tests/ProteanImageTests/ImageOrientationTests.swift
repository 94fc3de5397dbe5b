import Testing

@testable import ProteanImage

@Suite struct ImageOrientationTests {
    private static let rows: [[UInt8]] = [[1, 2, 3], [4, 5, 6]]

    /// A TIFF header and a directory with one entry.
    private func exif(
        _ value: UInt16, type: UInt16 = 3, count: UInt32 = 1, littleEndian: Bool = false
    ) -> [UInt8] {
        func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
            littleEndian ? bigEndian(value).reversed() : bigEndian(value)
        }
        let stored = type == 4 ? bytes(UInt32(value)) : bytes(value) + [0, 0]
        return Array((littleEndian ? "II" : "MM").utf8) + bytes(UInt16(42)) + bytes(UInt32(8))
            + bytes(UInt16(1)) + bytes(UInt16(0x0112)) + bytes(type) + bytes(count) + stored
            + bytes(UInt32(0))
    }

    private func png(_ exif: [UInt8]) -> [UInt8] {
        TestPNG.grey(Self.rows, extra: TestPNG.chunk("eXIf", exif)).bytes
    }

    private func decode(
        _ bytes: [UInt8], _ orientation: ImageOrientation
    ) throws -> (image: Image, notes: [ImageNote]) {
        var notes: [ImageNote] = []
        let image = try Image.decode(bytes, name: "f", orientation: orientation) {
            notes.append($0)
        }
        return (image, notes)
    }

    /// Row 0 of the file is the scene's top, top, bottom, bottom, left, right, right, left side;
    /// column 0 the left, right, right, left, top, top, bottom, bottom one.
    @Test(
        arguments: [
            (1, 3, [1, 2, 3, 4, 5, 6]), (2, 3, [3, 2, 1, 6, 5, 4]), (3, 3, [6, 5, 4, 3, 2, 1]),
            (4, 3, [4, 5, 6, 1, 2, 3]), (5, 2, [1, 4, 2, 5, 3, 6]), (6, 2, [4, 1, 5, 2, 6, 3]),
            (7, 2, [6, 3, 5, 2, 4, 1]), (8, 2, [3, 6, 2, 5, 1, 4]),
        ] as [(UInt16, Int, [UInt8])])
    func everyOrientationIsApplied(value: UInt16, width: Int, pixels: [UInt8]) throws {
        for littleEndian in [false, true] {
            for type: UInt16 in [3, 4] {
                let bytes = png(exif(value, type: type, littleEndian: littleEndian))
                let turned = try decode(bytes, .apply)
                #expect(turned.image.width == width && turned.image.height == 6 / width)
                #expect(turned.image.pixels == pixels && turned.notes.isEmpty)
                let stored = try decode(bytes, .ignore)
                #expect(stored.image.pixels == [1, 2, 3, 4, 5, 6])
                let note = ImageNote.ignoredOrientation(file: "f", orientation: Int(value))
                #expect(stored.notes == (value == 1 ? [] : [note]))
            }
        }
    }

    @Test func aJPEGsOrientationIsFound() throws {
        let bytes = try goldenBytes("rotated.jpg")
        let stored = try decode(bytes, .ignore)
        #expect(stored.notes == [.ignoredOrientation(file: "f", orientation: 6)])
        let turned = try decode(bytes, .apply).image
        #expect((turned.width, turned.height) == (stored.image.height, stored.image.width))
        // The scene's upper right corner lies at the file's upper left.
        let corner = 3 * (turned.width - 1)
        #expect(turned.pixels[corner..<corner + 3].elementsEqual(stored.image.pixels[..<3]))
    }

    @Test func damagedDataCountAsNone() throws {
        let whole = exif(6)
        var cases: [[UInt8]] = (0..<whole.count - 4).map { Array(whole[..<$0]) }
        cases += [exif(0), exif(9), exif(6, count: 2), exif(6, type: 7), exif(6, type: 4)]
        cases[cases.count - 1][18] = 255
        for index in [0, 2, 4, 5, 6, 7] {
            var damaged = whole
            damaged[index] ^= 0xFF
            cases.append(damaged)
        }
        // More entries than there are, none of which is the one.
        cases.append(Array(whole[..<8]) + [255, 255] + [UInt8](repeating: 0, count: 40))
        for data in cases {
            let found = try decode(png(data), .apply)
            #expect(found.image.pixels == [1, 2, 3, 4, 5, 6] && found.notes.isEmpty, "\(data)")
        }
    }

    /// The stored and the turned image are in memory at once.
    @Test func turningCountsTwice() throws {
        var image = TestPNG(width: 5000, height: 4600, depth: 1, color: 0)
        image.extra = TestPNG.chunk("eXIf", exif(6))
        image.pixels = TestPNG.stored([UInt8](repeating: 0, count: 5000))
        for (orientation, isLimited) in [(ImageOrientation.ignore, false), (.apply, true)] {
            let error = #expect(throws: ImageError.self) { try decode(image.bytes, orientation) }
            if case .limitExceeded = error {
                #expect(isLimited)
            } else {
                #expect(!isLimited)
            }
        }
    }
}
