import Foundation
import ProteanImage
import Testing

/// Where the golden files lie; made by Tests/Golden/generate/images.py.
let goldenFolder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden/images")

/// One line of a golden table.
struct GoldenLine: Sendable, CustomTestStringConvertible {
    let fields: [String]
    var testDescription: String { fields.joined(separator: " ") }

    func number(_ index: Int) -> Int { Int(fields[index])! }

    static func table(_ name: String) -> [GoldenLine] {
        let url = goldenFolder.appendingPathComponent(name)
        let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { line in
            GoldenLine(fields: line.split(separator: " ").map(String.init))
        }
    }
}

/// The generator of images.py: Knuth's MMIX constants, upper 8 bits.
func noise(_ count: Int, seed: Int) -> [UInt8] {
    var state = UInt64(seed)
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(state >> 56)
    }
}

func noiseImage(_ width: Int, _ height: Int, _ channels: Int, seed: Int) throws -> Image {
    try Image(
        width: width, height: height, channels: channels,
        pixels: noise(width * height * channels, seed: seed))
}

private let checksumTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in
        value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
    }
}

/// CRC-32 as zlib's.
func checksum(_ bytes: some Sequence<UInt8>) -> Int {
    var value: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        value = checksumTable[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8)
    }
    return Int(value ^ 0xFFFF_FFFF)
}

func checksum(_ values: [Float]) -> Int {
    checksum(
        values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) })
}

/// A file of the golden folder.
func goldenBytes(_ file: String) throws -> [UInt8] {
    Array(try Data(contentsOf: goldenFolder.appendingPathComponent(file)))
}

/// Bytes of a number, the highest first.
func bigEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian, Array.init)
}

/// A PNG as its parts.
struct TestPNG {
    var width: UInt32
    var height: UInt32
    /// Bits per sample, and the colour type: 0 grey, 2 RGB.
    var depth: UInt8 = 8
    var color: UInt8 = 2
    /// Chunks before the pixels.
    var extra: [UInt8] = []
    /// The content of the one IDAT chunk.
    var pixels: [UInt8] = []
    /// What follows it.
    var end: [UInt8] = TestPNG.chunk("IEND", [])

    var bytes: [UInt8] {
        [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]
            + Self.chunk("IHDR", bigEndian(width) + bigEndian(height) + [depth, color, 0, 0, 0])
            + extra + Self.chunk("IDAT", pixels) + end
    }

    static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        return bigEndian(UInt32(data.count)) + body + bigEndian(UInt32(checksum(body)))
    }

    /// A zlib stream without compression of at most 65,535 bytes.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var (a, b) = (UInt32(1), UInt32(0))
        for byte in bytes {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        let count = UInt16(bytes.count)
        return [0x78, 1, 1] + bigEndian(count.byteSwapped) + bigEndian((~count).byteSwapped) + bytes
            + bigEndian(b << 16 | a)
    }

    /// Grey rows of 8 bits, unfiltered.
    static func grey(_ rows: [[UInt8]], extra: [UInt8] = []) -> TestPNG {
        TestPNG(
            width: UInt32(rows[0].count), height: UInt32(rows.count), color: 0, extra: extra,
            pixels: stored(rows.flatMap { [0] + $0 }))
    }
}

/// A JPEG as its segments.
struct TestJPEG {
    var bytes: [UInt8] = [0xFF, 0xD8]

    /// A marker and its segment.
    mutating func segment(_ marker: UInt8, _ data: [UInt8]) {
        bytes += [0xFF, marker] + bigEndian(UInt16(data.count + 2)) + data
    }

    /// A frame of a kind (SOF0 is 0xC0) with components that are not subsampled.
    mutating func frame(
        _ marker: UInt8, width: UInt16, height: UInt16, components: UInt8, precision: UInt8 = 8
    ) {
        segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
        segment(
            marker,
            [precision] + bigEndian(height) + bigEndian(width) + [components]
                + (1...components).flatMap { [$0, 0x11, 0] })
    }

    /// Huffman tables of one code each: a difference of 0, and `symbol` for the other coefficients.
    mutating func tables(symbol: UInt8) {
        let one: [UInt8] = [1] + [UInt8](repeating: 0, count: 15)
        segment(0xC4, [0x00] + one + [0])
        segment(0xC4, [0x10] + one + [symbol])
    }

    /// A scan of coefficients `first...last` of some components.
    mutating func scan(components: UInt8, first: UInt8, last: UInt8, data: [UInt8]) {
        segment(
            0xDA, [components] + (1...components).flatMap { [$0, 0] } + [first, last, 0])
        bytes += data
    }

    var ended: [UInt8] { bytes + [0xFF, 0xD9] }
}
