import Foundation
import Protean
import ProteanImage
import Testing

/// Images to numbers and back, and how enlarged ones are judged.
@Suite struct ImageTensorTests {
    @Test func numbersAreRoundedAndLimited() throws {
        let values: [Float] = [-3, 0.5, 1.5, 254.6, 300, .nan]
        let image = try Image(Tensor(values, shape: [1, 1, 2, 3]))
        #expect(image.pixels == [0, 0, 2, 255, 255, 0])
        #expect(try image.tensor().shape == [1, 1, 2, 3])
        #expect(try Image(image.tensor()) == image)
        #expect(throws: ProteanError.self) { try Image(Tensor(zeros: [2, 1, 1, 3])) }
        #expect(throws: ProteanError.self) { try Image(Tensor(zeros: [1, 1, 1, 2])) }
        #expect(throws: ProteanError.self) { try Image(Tensor(shapeOnly: [1, 1, 1, 3])) }
    }

    @Test func noiseIsMeasuredWithinTheBorder() throws {
        let plain = [UInt8](repeating: 50, count: 12)
        let grey = try Image(width: 4, height: 3, channels: 1, pixels: plain)
        var pixels = grey.pixels
        pixels[0] = 200
        pixels[5] = 60
        let other = try Image(width: 4, height: 3, channels: 1, pixels: pixels)
        // One of two pixels differs by ten grey levels, 219 / 255 of that in luma.
        let difference = 10 * 219.0 / 255
        let expected = 255 * 255 * 2 / (difference * difference)
        let found = try other.lumaPSNR(against: grey, border: 1)
        #expect(abs(found - 10 * log10(expected)) < 1e-9)
        #expect(try grey.lumaPSNR(against: grey) == .infinity)
        #expect(throws: ProteanError.self) { try grey.lumaPSNR(against: other, border: 2) }
    }
}
