import Protean
import Testing

@testable import ProteanImage

@Suite struct ImageGeometryTests {
    @Test func theGoldenTableIsThere() {
        #expect(GoldenLine.table("resize.txt").count == 32)
    }

    @Test(arguments: GoldenLine.table("resize.txt"))
    func resizesAsPillow(line: GoldenLine) throws {
        let image = try noiseImage(
            line.number(0), line.number(1), line.number(2), seed: line.number(3))
        let filter = try #require(ImagePreprocessing.Interpolation(rawValue: line.fields[6]))
        let resized = try image.resized(
            width: line.number(4), height: line.number(5), interpolation: filter)
        #expect(resized.width == line.number(4) && resized.height == line.number(5))
        #expect(checksum(resized.pixels) == line.number(7))
    }

    /// torchvision's rule: `int(size * long / short)`, the shorter side exact.
    @Test(arguments: [
        (50, 37, 32, 43, 32), (37, 50, 32, 32, 43), (10, 10, 7, 7, 7), (3, 100, 2, 2, 66),
    ])
    func shorterSideRule(width: Int, height: Int, side: Int, newWidth: Int, newHeight: Int) throws {
        let image = try noiseImage(width, height, 1, seed: 1)
        let resized = try image.resized(shorterSide: side, interpolation: .bilinear)
        #expect([resized.width, resized.height] == [newWidth, newHeight])
    }

    /// Differences of 1, 3, 5 start at 0, 2, 2: halves go to the even side.
    @Test(arguments: [(5, 4, 0), (7, 4, 2), (9, 4, 2), (8, 4, 2), (11, 4, 4)])
    func cropStartsAtTheEvenHalf(width: Int, crop: Int, start: Int) throws {
        let image = try Image(
            width: width, height: 1, channels: 1, pixels: (0..<width).map(UInt8.init))
        let cropped = try image.centerCropped(width: crop, height: 1)
        #expect(cropped.pixels == (start..<start + crop).map(UInt8.init))
    }

    @Test func aSmallImageIsPaddedWithZeros() throws {
        let image = try Image(width: 2, height: 1, channels: 1, pixels: [7, 9])
        let cropped = try image.centerCropped(width: 5, height: 2)
        #expect(cropped.pixels == [0, 7, 9, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func impossibleSizesAreRefused() throws {
        let image = try noiseImage(4, 4, 3, seed: 1)
        for size in [(0, 4), (4, -1), (100_000, 100_000), (Int.max, Int.max)] {
            #expect(throws: ProteanError.self) {
                try image.resized(width: size.0, height: size.1, interpolation: .bicubic)
            }
            #expect(throws: ProteanError.self) {
                try image.centerCropped(width: size.0, height: size.1)
            }
        }
        #expect(throws: ProteanError.self) {
            try image.resized(shorterSide: 0, interpolation: .bilinear)
        }
        #expect(throws: ProteanError.self) {
            try Image(width: 2, height: 2, channels: 3, pixels: [1])
        }
        #expect(throws: ProteanError.self) {
            try Image(width: 1, height: 1, channels: 2, pixels: [1, 2])
        }
    }
}
