import Protean
import ProteanImage
import Testing

@Suite struct CanvasTests {
    private static func pixel(_ image: Image, _ x: Int, _ y: Int) -> [UInt8] {
        let at = (y * image.width + x) * 3
        return Array(image.pixels[at..<at + 3])
    }

    @Test func greyImagesAreEnlargedInColour() throws {
        let image = try Image(width: 3, height: 2, channels: 1, pixels: [1, 2, 3, 4, 5, 6])
        let picture = try Canvas(image, scale: 2).image
        #expect(picture.width == 6 && picture.height == 4 && picture.channels == 3)
        for y in 0..<4 {
            for x in 0..<6 {
                let value = UInt8(y / 2 * 3 + x / 2 + 1)
                #expect(Self.pixel(picture, x, y) == [value, value, value])
            }
        }
        #expect(try Canvas(image).image == image.rgb)
    }

    @Test func discsLieWhereTheyShould() throws {
        let black = try Image(
            width: 9, height: 7, channels: 3, pixels: [UInt8](repeating: 0, count: 189))
        var canvas = try Canvas(black, scale: 3)
        canvas.disc(x: 6, y: 2, radius: 3, .init(200, 100, 50))
        let picture = canvas.image
        // The centre of pixel (6, 2) of the original is (19, 7) in the picture.
        #expect(Self.pixel(picture, 19, 7) == [200, 100, 50])
        #expect(Self.pixel(picture, 21, 7) == [200, 100, 50])
        #expect(Self.pixel(picture, 22, 7) == [100, 50, 25])
        #expect(Self.pixel(picture, 24, 7) == [0, 0, 0])
        #expect(Self.pixel(picture, 19, 11) == [0, 0, 0])
    }

    @Test func linesJoinTheirEnds() throws {
        let black = try Image(
            width: 20, height: 10, channels: 1, pixels: [UInt8](repeating: 0, count: 200))
        var canvas = try Canvas(black)
        canvas.line(x: 2, y: 3, toX: 15, toY: 3, thickness: 1, .init(255, 255, 255))
        let picture = canvas.image
        for x in 2...15 { #expect(Self.pixel(picture, x, 3) == [255, 255, 255]) }
        #expect(Self.pixel(picture, 8, 5) == [0, 0, 0])
        #expect(Self.pixel(picture, 17, 3) == [0, 0, 0])
    }

    @Test func whatLiesOutsideIsNotDrawn() throws {
        let image = try Image(width: 2, height: 2, channels: 1, pixels: [7, 7, 7, 7])
        var canvas = try Canvas(image)
        let color = Canvas.Color(255, 0, 0)
        canvas.disc(x: 50, y: -80, radius: 4, color)
        canvas.line(x: -1e30, y: .nan, toX: 3, toY: 0, thickness: 2, color)
        canvas.line(x: 1e30, y: 1e30, toX: 2e30, toY: 2e30, thickness: 2, color)
        #expect(canvas.image == image.rgb)
        #expect(throws: ProteanError.self) { try Canvas(image, scale: 0) }
        #expect(throws: ProteanError.self) { try Canvas(image, scale: 1 << 20) }
    }
}
