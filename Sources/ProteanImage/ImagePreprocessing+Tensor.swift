import CProteanImage
import Protean

extension ImagePreprocessing {
    /// The network input for an image: `[1, cropHeight, cropWidth, channels]`.
    ///
    /// Grey or RGB by the count of ``mean``; resized, its middle cut out, then
    /// `(value / 255 - mean) / deviation` in Float32 with one rounding per operation, as
    /// torchvision's `ToTensor` and `Normalize`.
    /// - Throws: ``ProteanError`` when ``mean`` and ``deviation`` do not have both 1 or both 3
    ///   values, a deviation is 0, a size is out of range, or memory is short.
    public func tensor(from image: Image) throws(ProteanError) -> Tensor {
        let table = try normalisation()
        return try Self.tensor(from: window(of: image), table: table)
    }

    /// The part of an image that the network sees, in its size: grey or RGB, resized, its
    /// middle cut out.
    ///
    /// - Throws: ``ProteanError`` when a size is out of range or memory is short.
    public func window(of image: Image) throws(ProteanError) -> Image {
        let image = mean.count == 1 ? image.grey : image.rgb
        return try resized(image).centerCropped(width: cropWidth, height: cropHeight)
    }

    private func resized(_ image: Image) throws(ProteanError) -> Image {
        switch resizing {
        case .none: return image
        case .shorterSide(let length):
            return try image.resized(shorterSide: length, interpolation: interpolation)
        case .exactly(let size):
            return try image.resized(
                width: size.width, height: size.height, interpolation: interpolation)
        case .covering(let size):
            // Operation for operation as timm computes it, halves rounded to even.
            let ratio = min(
                Double(image.height) / Double(size.height), Double(image.width) / Double(size.width)
            )
            func scaled(_ length: Int) -> Int {
                let value = (Double(length) / ratio).rounded(.toNearestOrEven)
                return Int(exactly: value) ?? 0
            }
            return try image.resized(
                width: scaled(image.width), height: scaled(image.height),
                interpolation: interpolation)
        }
    }

    private static func tensor(
        from image: Image, table: [Float]
    ) throws(ProteanError) -> Tensor {
        let shape = [1, image.height, image.width, image.channels]
        var tensor = try Tensor(zeros: shape)
        try tensor.withUnsafeMutableBufferPointer { to in
            ptn_image_look_up(
                image.pixels, image.width * image.height, image.channels, table, to.baseAddress)
        }
        return tensor
    }

    /// The normalised value of every 8-bit value, per channel: there are only 256 of them.
    private func normalisation() throws(ProteanError) -> [Float] {
        guard [1, 3].contains(mean.count), mean.count == deviation.count else {
            throw .invalidOption(
                layer: "ImagePreprocessing", option: "mean, deviation",
                expected: "1 or 3 values each", found: "\(mean.count) and \(deviation.count)")
        }
        guard !deviation.contains(0) else {
            throw .invalidOption(
                layer: "ImagePreprocessing", option: "deviation", expected: "values other than 0",
                found: "\(deviation)")
        }
        return zip(mean, deviation).flatMap { mean, deviation in
            (0..<256).map { (Float($0) / 255 - mean) / deviation }
        }
    }
}
