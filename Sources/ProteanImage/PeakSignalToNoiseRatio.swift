import Foundation
import Protean

extension Image {
    /// Peak signal-to-noise ratio of the luma of two images, in decibels: 10 · log₁₀(255² / mean of
    /// squared differences), infinite for equal ones.
    ///
    /// The usual measure of super-resolution: luma of BT.601 in its studio range without rounding,
    /// 16 + (65.481 R + 128.553 G + 24.966 B) / 255, a border of `border` pixels left out on every
    /// side.
    /// - Throws: ``ProteanError`` when the images differ in size or nothing is left within the border.
    public func lumaPSNR(against reference: Image, border: Int = 0) throws(ProteanError) -> Double {
        guard reference.width == width, reference.height == height else {
            throw .invalidOption(
                layer: "lumaPSNR", option: "reference", expected: "\(width) x \(height) pixels",
                found: "\(reference.width) x \(reference.height)")
        }
        guard border >= 0, width > 2 * border, height > 2 * border else {
            throw .invalidOption(
                layer: "lumaPSNR", option: "border",
                expected: "less than half of \(min(width, height))", found: "\(border)")
        }
        let (a, b) = (rgb, reference.rgb)
        var sum = 0.0
        for y in border..<height - border {
            for x in border..<width - border {
                let at = (y * width + x) * 3
                let difference = a.luma(at) - b.luma(at)
                sum += difference * difference
            }
        }
        let count = (width - 2 * border) * (height - 2 * border)
        return sum == 0 ? .infinity : 10 * log10(255 * 255 * Double(count) / sum)
    }

    private func luma(_ at: Int) -> Double {
        16
            + (65.481 * Double(pixels[at]) + 128.553 * Double(pixels[at + 1])
                + 24.966 * Double(pixels[at + 2])) / 255
    }
}
