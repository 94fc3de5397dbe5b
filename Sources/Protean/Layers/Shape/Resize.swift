/// Resamples a map to a size or by a factor, as `torch.nn.functional.interpolate`; ``Upsample`` is
/// the same with PyTorch's option names.
///
/// Input `[batch, height, width, channels]`, output `[batch, height', width', channels]`. No
/// anti-aliasing. With a factor, height' = ⌊height · factor⌋, and sampling positions use the given
/// factor, not the ratio of the sizes.
public struct Resize: Layer {
    private enum Target: Sendable {
        case size(Size2d)
        case scale(Scale2d)
    }

    private let target: Target
    /// The interpolation.
    public let mode: ResizeMode

    /// A fixed output size.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a size below 1.
    public init(size: Size2d, mode: ResizeMode = .nearest) throws(ProteanError) {
        try size.check(atLeast: 1, layer: "Resize", option: "size")
        target = .size(size)
        self.mode = mode
    }

    /// A factor for each axis.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless factors are
    ///   finite and above 0.
    public init(scale: Scale2d, mode: ResizeMode = .nearest) throws(ProteanError) {
        try Operations.check(scale, layer: "Resize")
        target = .scale(scale)
        self.mode = mode
    }

    /// The resampled map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map with at least one pixel or the result would
    ///   be empty.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("Resize", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            switch target {
            case .size(let size): try Operations.resize(x, to: size, mode: mode)
            case .scale(let scale): try Operations.resize(x, by: scale, mode: mode)
            }
        }
    }
}
