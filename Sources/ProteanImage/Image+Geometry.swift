import CProteanImage
import Protean

extension Image {
    /// The image in another size, bit for bit as `Image.resize` of Pillow 13.
    ///
    /// Separable, one pass per axis, rounded to 8 bits after each. Shrinking stretches the filter
    /// (antialiasing); bicubic is Keys' cubic with a = -0.5, bilinear is the triangle. Columns come
    /// first, except where rows lose more than twice as many (Pillow 12 and earlier never did that:
    /// single values may differ by 1). The same size returns the image itself. Costs about
    /// 2 · max(1, shrink) · support multiply-adds per value and pass, on one thread.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a size outside
    ///   1...``maximumPixels``, ``ProteanError/sizeOverflow(layer:what:)`` when the image between
    ///   the passes would be too large, and ``ProteanError/outOfMemory(layer:bytes:)``.
    public func resized(
        width newWidth: Int, height newHeight: Int,
        interpolation: ImagePreprocessing.Interpolation
    ) throws(ProteanError) -> Image {
        if newWidth == width && newHeight == height { return self }
        try Self.check(width: newWidth, height: newHeight)
        let filter = interpolation == .bicubic ? PTN_IMAGE_BICUBIC : PTN_IMAGE_BILINEAR
        let count = newWidth * newHeight * channels
        var status = PTN_IMAGE_OK
        let values = [UInt8](unsafeUninitializedCapacity: count) { to, filled in
            status = withCImage { from in
                withUnsafePointer(to: from) {
                    ptn_image_resize($0, newWidth, newHeight, filter, to.baseAddress)
                }
            }
            filled = status == PTN_IMAGE_OK ? count : 0
        }
        if status == PTN_IMAGE_BAD_SIZE {
            throw .sizeOverflow(layer: "Image", what: "the image between two passes of a resize")
        }
        guard status == PTN_IMAGE_OK else { throw .outOfMemory(layer: "Image", bytes: count) }
        return Image(newWidth, newHeight, channels, values)
    }

    /// The image resized so that its shorter side becomes `length`, as torchvision's `Resize`: the
    /// longer side is `Int(length * long / short)`.
    ///
    /// - Throws: as ``resized(width:height:interpolation:)``.
    public func resized(
        shorterSide length: Int, interpolation: ImagePreprocessing.Interpolation
    ) throws(ProteanError) -> Image {
        guard (1...Self.maximumPixels).contains(length) else {
            throw .invalidOption(
                layer: "Image", option: "shorterSide", expected: "1...\(Self.maximumPixels)",
                found: "\(length)")
        }
        let (short, long) = width <= height ? (width, height) : (height, width)
        let newLong = Int(Double(length * long) / Double(short))
        let (newWidth, newHeight) = width <= height ? (length, newLong) : (newLong, length)
        return try resized(width: newWidth, height: newHeight, interpolation: interpolation)
    }

    /// The middle of the image, as torchvision's `CenterCrop`.
    ///
    /// The window starts at `(size - crop) / 2`, halves rounded to even; an image that is smaller
    /// is first padded with zeros on both sides, the odd row or column at the end.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a size outside
    ///   1...``maximumPixels``.
    public func centerCropped(width newWidth: Int, height newHeight: Int) throws(ProteanError)
        -> Image
    {
        try Self.check(width: newWidth, height: newHeight)
        let left = Self.cropStart(size: width, crop: newWidth)
        let top = Self.cropStart(size: height, crop: newHeight)
        let count = newWidth * newHeight * channels
        let values = [UInt8](unsafeUninitializedCapacity: count) { to, filled in
            withCImage { from in
                withUnsafePointer(to: from) {
                    ptn_image_window($0, left, top, newWidth, newHeight, to.baseAddress)
                }
            }
            filled = count
        }
        return Image(newWidth, newHeight, channels, values)
    }

    private static func cropStart(size: Int, crop: Int) -> Int {
        if crop > size { return -((crop - size) / 2) }
        return Int((Double(size - crop) / 2).rounded(.toNearestOrEven))
    }
}
