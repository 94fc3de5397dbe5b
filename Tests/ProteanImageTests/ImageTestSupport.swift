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
