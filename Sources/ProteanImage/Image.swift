import CProteanImage
import Protean

/// An 8-bit image, grey or RGB: rows from top to bottom, channels innermost.
public struct Image: Sendable, Equatable {
    /// The largest image that is read or made, in pixels. Larger files are rejected from their
    /// header.
    public static let maximumPixels = Int(PTN_IMAGE_MAX_PIXELS)
    /// The longest side of an image that is read, in pixels.
    public static let maximumSide = Int(PTN_IMAGE_MAX_SIDE)

    /// Pixels per row.
    public let width: Int
    /// Number of rows.
    public let height: Int
    /// 1 for grey, 3 for red, green, blue.
    public let channels: Int
    /// `height * width * channels` values.
    public let pixels: [UInt8]

    /// An image of the given pixels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels are
    ///   not 1 or 3, the size is not within 1...``maximumPixels``, or the number of values differs.
    public init(
        width: Int, height: Int, channels: Int, pixels: [UInt8]
    ) throws(ProteanError) {
        try Self.check(width: width, height: height)
        guard channels == 1 || channels == 3 else {
            throw .invalidOption(
                layer: "Image", option: "channels", expected: "1 or 3", found: "\(channels)")
        }
        guard pixels.count == width * height * channels else {
            throw .invalidOption(
                layer: "Image", option: "pixels", expected: "\(width * height * channels) values",
                found: "\(pixels.count)")
        }
        self.init(width, height, channels, pixels)
    }

    /// For sizes that are known to fit.
    init(_ width: Int, _ height: Int, _ channels: Int, _ pixels: [UInt8]) {
        self.width = width
        self.height = height
        self.channels = channels
        self.pixels = pixels
    }

    static func check(width: Int, height: Int) throws(ProteanError) {
        guard width > 0, height > 0, height <= maximumPixels / width else {
            throw .invalidOption(
                layer: "Image", option: "size", expected: "1...\(maximumPixels) pixels",
                found: "\(width) x \(height)")
        }
    }

    /// Calls `body` with the C view of this image.
    func withCImage<R>(_ body: (ptn_image) -> R) -> R {
        pixels.withUnsafeBufferPointer { buffer in
            body(
                ptn_image(
                    width: width, height: height, channels: channels,
                    // The C functions that take this view only read from it.
                    pixels: UnsafeMutablePointer(mutating: buffer.baseAddress)))
        }
    }
}

extension Image {
    /// The image in grey: (19595 R + 38470 G + 7471 B + 32768) >> 16 (ITU-R 601-2, as Pillow's
    /// `convert("L")`); itself if it is grey already.
    public var grey: Image {
        if channels == 1 { return self }
        let values = filled(count: width * height) { from, to in
            ptn_image_grey_from_rgb(from, width * height, to)
        }
        return Image(width, height, 1, values)
    }

    /// The image with three channels; grey becomes three equal ones.
    public var rgb: Image {
        if channels == 3 { return self }
        let values = filled(count: width * height * 3) { from, to in
            ptn_image_rgb_from_grey(from, width * height, to)
        }
        return Image(width, height, 3, values)
    }

    private func filled(
        count: Int, _ body: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
    ) -> [UInt8] {
        pixels.withUnsafeBufferPointer { from in
            [UInt8](unsafeUninitializedCapacity: count) { to, filled in
                if let source = from.baseAddress, let target = to.baseAddress {
                    body(source, target)
                }
                filled = count
            }
        }
    }
}
