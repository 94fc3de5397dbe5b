import Foundation
import Testing

@testable import ProteanImage

/// Labelled images from idx files and from folders, and what is refused.
@Suite struct LabelledImagesTests {
    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("protean-labelled-\(UUID().uuidString)")

    private func write(_ bytes: [UInt8], to name: String) throws -> String {
        let url = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return url.path
    }

    private func idx(_ sizes: [Int], _ values: [UInt8]) -> [UInt8] {
        [0, 0, 8, UInt8(sizes.count)]
            + sizes.flatMap { size in
                (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) }
            }
            + values
    }

    private func littleEndian(_ value: Int, _ bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// A gzip member with one stored block.
    private func gzip(_ bytes: [UInt8]) -> [UInt8] {
        [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1]
            + littleEndian(bytes.count, 2) + littleEndian(~bytes.count & 0xFFFF, 2) + bytes
            + littleEndian(checksum(bytes), 4) + littleEndian(bytes.count, 4)
    }

    private let pixels = (0..<3 * 2 * 5).map { UInt8($0 * 7) }

    @Test(arguments: [false, true]) func idxFilesGiveImagesAndLabels(compressed: Bool) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let end = compressed ? ".gz" : ""
        let wrap = compressed ? gzip : { $0 }
        for stem in ["train", "t10k"] {
            _ = try write(wrap(idx([3, 2, 5], pixels)), to: "\(stem)-images-idx3-ubyte\(end)")
            _ = try write(wrap(idx([3], [4, 0, 9])), to: "\(stem)-labels-idx1-ubyte\(end)")
        }
        let images = try LabelledImages(folder.path)
        #expect(images.count == 3 && images.labels == [4, 0, 9] && images.classNames.isEmpty)
        #expect(images.summary == "test images 0 to 2")
        let second = try images.image(1)
        #expect((second.width, second.height, second.channels) == (5, 2, 1))
        #expect(second.pixels == Array(pixels[10..<20]))
        let train = try LabelledImages(folder.path, part: .train)
        let last = train.last(2)
        #expect(last.summary == "train images 1 to 2" && last.labels == [0, 9])
        #expect(try last.image(0) == second)
        #expect(last.last(99).count == 2 && last.subset(5..<9).count == 0)
        #expect(throws: ImageError.self) { try last.image(2) }
        #expect(throws: ImageError.self) { try last.image(-1) }
    }

    @Test func severalMembersAreOneFile() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let whole = idx([3], [1, 2, 3])
        let path = try write(gzip(Array(whole[..<5])) + gzip(Array(whole[5...])), to: "x.gz")
        #expect(try IDXFile(path, axes: 1).values == [1, 2, 3])
    }

    @Test func aFolderPerClassGivesImages() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, seed) in [("dog/b.png", 1), ("cat/z.PNG", 2), ("cat/a.png", 3)] {
            let path = try write([], to: name)
            try noiseImage(4, 3, 3, seed: seed).writePNG(to: path)
        }
        _ = try write([1], to: "cat/notes.txt")
        let images = try LabelledImages(folder.path)
        #expect(images.classNames == ["cat", "dog"] && images.labels == [0, 0, 1])
        #expect(try images.image(0) == noiseImage(4, 3, 3, seed: 3))
        #expect(try images.image(2) == noiseImage(4, 3, 3, seed: 1))
    }

    @Test func damagedFilesAreRefusedByName() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        func refusal(_ bytes: [UInt8], _ axes: Int = 1) throws -> String {
            let path = try write(bytes, to: "file")
            do {
                _ = try IDXFile(path, axes: axes)
                return "nothing"
            } catch {
                return "\(error)"
            }
        }
        let whole = idx([3], [1, 2, 3])
        #expect(try refusal(Array(whole.dropLast())).contains("expected 3 bytes"))
        #expect(try refusal(Array(whole[..<6])).contains("sizes are missing"))
        #expect(try refusal([9, 9, 8, 1]).contains("two zeros"))
        #expect(try refusal([0, 0, 13, 1, 0, 0, 0, 0]).contains("type 13"))
        #expect(try refusal(whole, 3).contains("with 1 axes"))
        #expect(try refusal(idx([1 << 31, 1 << 31, 1 << 31], []), 3).contains("file"))
        #expect(try refusal(idx([1, 0, 5], []), 3).contains("0"))
        let packed = gzip(whole)
        #expect(try refusal(Array(packed.dropLast(9))).contains("end too early"))
        var damaged = packed
        damaged[packed.count - 6] ^= 1
        #expect(try refusal(damaged).contains("damaged"))
        #expect(throws: ImageError.self) { try IDXFile(folder.path + "/none", axes: 1) }
        #expect(throws: ImageError.self) { try LabelledImages(folder.path) }
        #expect(throws: ImageError.self) { try LabelledImages(folder.path + "/none") }
        _ = try write(idx([3, 2, 5], pixels), to: "t10k-images-idx3-ubyte")
        _ = try write(idx([2], [4, 0]), to: "t10k-labels-idx1-ubyte")
        #expect(throws: ImageError.self) { try LabelledImages(folder.path) }
    }
}
