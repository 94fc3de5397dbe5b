/// Resamples a map to a size or by a factor; `torch.nn.Upsample`, which can also reduce the size.
///
/// Input `[batch, height, width, channels]`, output `[batch, height', width', channels]`, with the
/// kernel of ``Resize``, with PyTorch's names of the modes. No anti-aliasing. With a factor,
/// height' = ⌊height · factor⌋, and sampling positions use the given factor or, with
/// `recomputesScale` (PyTorch's `recompute_scale_factor`), the ratio of the sizes.
public struct Upsample: Layer {
    /// PyTorch's names.
    public enum Mode: String, Sendable, CaseIterable {
        /// The pixel ⌊i · s⌋, s = input size / output size.
        case nearest
        /// The pixel ⌊(i + ½) · s⌋.
        case nearestExact = "nearest-exact"
        /// A mean of four pixels.
        case bilinear
        /// A mean of sixteen pixels, Keys' cubic with a = −0.75.
        case bicubic
    }

    private enum Target: Sendable {
        case size(Size2d)
        case factor(Scale2d, recomputed: Bool)
    }

    /// The interpolation.
    public let mode: ResizeMode
    private let target: Target

    /// A fixed output size.
    ///
    /// - Parameters:
    ///   - size: height and width of the result, at least 1.
    ///   - mode: the interpolation.
    ///   - alignCorners: whether the centres of the corner pixels coincide; for `bilinear` and
    ///     `bicubic` only, nil for other modes, for which PyTorch also rejects a value.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        size: Size2d, mode: Mode = .nearest, alignCorners: Bool? = nil
    ) throws(ProteanError) {
        try size.check(atLeast: 1, layer: "Upsample", option: "size")
        self.mode = try Self.resizeMode(mode, alignCorners)
        target = .size(size)
    }

    /// A factor for each axis.
    ///
    /// - Parameters:
    ///   - scaleFactor: finite factors above 0.
    ///   - mode: the interpolation.
    ///   - alignCorners: as above.
    ///   - recomputesScale: whether samples are positioned by the ratio of the sizes.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        scaleFactor: Scale2d, mode: Mode = .nearest, alignCorners: Bool? = nil,
        recomputesScale: Bool = false
    ) throws(ProteanError) {
        try Operations.check(scaleFactor, layer: "Upsample", option: "scaleFactor")
        self.mode = try Self.resizeMode(mode, alignCorners)
        target = .factor(scaleFactor, recomputed: recomputesScale)
    }

    private static func resizeMode(
        _ mode: Mode, _ alignCorners: Bool?
    ) throws(ProteanError) -> ResizeMode {
        switch mode {
        case .bilinear: return .bilinear(alignCorners: alignCorners ?? false)
        case .bicubic: return .bicubic(alignCorners: alignCorners ?? false)
        case .nearest, .nearestExact:
            guard let alignCorners else { return mode == .nearest ? .nearest : .nearestExact }
            throw .invalidOption(
                layer: "Upsample", option: "alignCorners",
                expected: "none with the mode \(mode.rawValue)", found: "\(alignCorners)")
        }
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The resampled map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map with at least one pixel or the result would
    ///   be empty.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("Upsample", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            switch target {
            case .size(let size): return try Operations.resize(x, to: size, mode: mode)
            case .factor(let scale, recomputed: false):
                return try Operations.resize(x, by: scale, mode: mode)
            case .factor(let scale, recomputed: true):
                let size = try Operations.scaledSize(of: x, by: scale)
                return try Operations.resize(x, to: size, mode: mode)
            }
        }
    }
}
