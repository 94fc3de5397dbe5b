import Foundation
import Testing

@testable import ProteanImage

@Suite struct ImageDecodeTests {
    @Test func theGoldenTableIsThere() {
        #expect(GoldenLine.table("decode.txt").count == 25)
    }

    @Test(arguments: GoldenLine.table("decode.txt"))
    func decodesAsPillow(line: GoldenLine) throws {
        let path = goldenFolder.appendingPathComponent(line.fields[0]).path
        let image = try Image.decode(path)
        #expect(image.width == line.number(1))
        #expect(image.height == line.number(2))
        #expect(image.channels == line.number(3))
        #expect(checksum(image.rgb.pixels) == line.number(4))
    }

    /// Every prefix without some pixel is refused, and never as another problem than the data's end. A
    /// PNG ends with 4 bytes of checksum of the pixels, 4 of their chunk, and 12 of IEND.
    @Test(
        arguments: [
            ("rgb.png", 20), ("interlaced.png", 20), ("grey1.png", 20), ("420.jpg", 0),
            ("progressive.jpg", 0),
        ])
    func everyTruncationIsRefused(file: String, behindThePixels: Int) throws {
        let bytes = try contents(file)
        #expect(throws: Never.self) { try Image.decode(bytes, name: file) }
        for length in stride(from: 0, to: bytes.count - behindThePixels, by: 3) {
            let error = #expect(throws: ImageError.self, "length \(length)") {
                try Image.decode(Array(bytes[..<length]), name: file)
            }
            switch error {
            case .unknownFormat(let name): #expect(name == file && length < 9)
            case .truncated(let name, let reason): #expect(name == file && !reason.isEmpty)
            default: Issue.record("length \(length): \(String(describing: error))")
            }
        }
    }

    /// Flipped bytes give an image or a typed error, never a crash.
    @Test(arguments: ["rgb.png", "palette4.png", "interlaced.png", "420.jpg", "progressive.jpg"])
    func flippedBytesAreSafe(file: String) throws {
        let original = try contents(file)
        var refused = 0
        for index in original.indices {
            var bytes = original
            bytes[index] ^= 0x55
            do { _ = try Image.decode(bytes, name: file) } catch { refused += 1 }
        }
        #expect(refused > original.count / 20)
    }

    @Test func problemsHaveTheirOwnCase() throws {
        #expect(
            throws: ImageError.fileAccess(file: "/nowhere.png", reason: "No such file or directory")
        ) {
            try Image.decode("/nowhere.png")
        }
        #expect(throws: ImageError.unknownFormat(file: "x")) {
            try Image.decode(Array("GIF89a......".utf8), name: "x")
        }
        #expect(throws: ImageError.invalidSize(file: "big", width: 20000, height: 20000)) {
            try Image.decode(TestPNG(width: 20000, height: 20000).bytes, name: "big")
        }
        var damaged = try contents("rgb.png")
        damaged[45] ^= 0xFF
        let error = #expect(throws: ImageError.self) { try Image.decode(damaged, name: "bad") }
        guard case .corrupt(file: "bad", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: [1, 3])
    func writingAndReadingGivesTheSamePixels(channels: Int) throws {
        let image = try noiseImage(31, 17, channels, seed: 3)
        #expect(try Image.decode(image.encodedPNG(name: "x"), name: "x") == image)
        let path = NSTemporaryDirectory() + "/protean-\(UUID().uuidString).png"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try image.writePNG(to: path)
        #expect(try Image.decode(path) == image)
        #expect(throws: ImageError.self) { try image.writePNG(to: "/nowhere/x.png") }
    }

    private func contents(_ file: String) throws -> [UInt8] { try goldenBytes(file) }
}
