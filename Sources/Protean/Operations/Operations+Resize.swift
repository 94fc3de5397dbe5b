import CProteanKernels

/// The interpolation of ``Operations/resize(_:to:mode:)``. With s = input size / output size:
public enum ResizeMode: Sendable, Equatable {
    /// The pixel ⌊i · s⌋; PyTorch's `nearest`.
    case nearest
    /// The pixel ⌊(i + ½) · s⌋; PyTorch's `nearest-exact`, and what other libraries call nearest.
    case nearestExact
    /// A weighted mean of the four pixels around (i + ½) · s − ½, or around i · (input size − 1) /
    /// (output size − 1) when corners are aligned.
    case bilinear(alignCorners: Bool)
    /// A mean of the sixteen pixels around the same positions, weighted by Keys' cubic with a =
    /// −0.75; beyond the edge the edge pixels are repeated. PyTorch's `bicubic`.
    case bicubic(alignCorners: Bool)

    var kernelValue: ptn_resize_mode {
        switch self {
        case .nearest: PTN_RESIZE_NEAREST
        case .nearestExact: PTN_RESIZE_NEAREST_EXACT
        case .bilinear(alignCorners: false): PTN_RESIZE_BILINEAR
        case .bilinear(alignCorners: true): PTN_RESIZE_BILINEAR_CORNERS
        case .bicubic(alignCorners: false): PTN_RESIZE_BICUBIC
        case .bicubic(alignCorners: true): PTN_RESIZE_BICUBIC_CORNERS
        }
    }
}

/// A factor for the height and one for the width.
public struct Scale2d: Sendable, Equatable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// Output height per input height.
    public var height: Double
    /// Output width per input width.
    public var width: Double

    /// Different factors.
    public init(height: Double, width: Double) {
        self.height = height
        self.width = width
    }

    /// The same factor for both.
    public init(_ both: Double) { self.init(height: both, width: both) }

    /// The same factor for both.
    public init(floatLiteral value: Double) { self.init(value) }

    /// The same factor for both.
    public init(integerLiteral value: Int) { self.init(Double(value)) }
}

extension Operations {
    /// Resamples a map to another size, as `torch.nn.functional.interpolate` with a size. No
    /// anti-aliasing.
    ///
    /// Positions and weights are computed in single precision as PyTorch does. Cost: up to four
    /// reads and one write per output, bicubic eight.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - size: the output's height and width, at least 1.
    ///   - mode: see ``ResizeMode``.
    /// - Returns: `[batch, size.height, size.width, channels]`.
    /// - Throws: ``ProteanError`` when a size is below 1 or the map is empty.
    public static func resize(
        _ x: Tensor, to size: Size2d, mode: ResizeMode
    ) throws(ProteanError) -> Tensor {
        try size.check(atLeast: 1, layer: "resize", option: "size")
        return try resize(x, to: size, Scale2d(0), mode)
    }

    /// Resamples a map by a factor: output size = ⌊size · factor⌋.
    ///
    /// As `torch.nn.functional.interpolate` with `scale_factor`: the given factor, not the ratio
    /// of the sizes, positions the samples (unless corners are aligned).
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - scale: finite factors above 0.
    ///   - mode: see ``ResizeMode``.
    /// - Throws: ``ProteanError`` when a factor is not usable, or the map or the result is empty.
    public static func resize(
        _ x: Tensor, by scale: Scale2d, mode: ResizeMode
    ) throws(ProteanError) -> Tensor {
        try resize(x, to: try scaledSize(of: x, by: scale), scale, mode)
    }

    /// ⌊size · factor⌋ along both axes.
    ///
    /// - Throws: ``ProteanError`` as ``resize(_:by:mode:)``.
    static func scaledSize(of x: Tensor, by scale: Scale2d) throws(ProteanError) -> Size2d {
        try checkMap(x, pixels: true, layer: "resize")
        try check(scale, layer: "resize")
        let size = Size2d(
            height: try scaled(x.shape[1], scale.height),
            width: try scaled(x.shape[2], scale.width))
        try size.check(atLeast: 1, layer: "resize", option: "size · scale")
        return size
    }

    static func check(
        _ scale: Scale2d, layer: String, option: String = "scale"
    ) throws(ProteanError) {
        guard scale.height > 0, scale.width > 0, scale.height.isFinite, scale.width.isFinite else {
            throw .invalidOption(
                layer: layer, option: option, expected: "finite factors above 0",
                found: "\(scale.height), \(scale.width)")
        }
    }

    private static func scaled(_ size: Int, _ factor: Double) throws(ProteanError) -> Int {
        guard let scaled = Int(exactly: (Double(size) * factor).rounded(.down)) else {
            throw .sizeOverflow(layer: "resize", what: "a map scaled by \(factor)")
        }
        return scaled
    }

    private static func resize(
        _ x: Tensor, to size: Size2d, _ scale: Scale2d, _ mode: ResizeMode
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, pixels: true, layer: "resize")
        let shape = [x.shape[0], size.height, size.width, x.shape[3]]
        return try filling(shape, for: "resize", from: [x]) { runtime, inputs, y in
            ptn_resize(
                runtime, mode.kernelValue, x.shape[0], x.shape[1], x.shape[2], x.shape[3],
                size.height, size.width, scale.height, scale.width, inputs[0], y)
        }
    }
}
