/// Pools every box of a map to a fixed size, with a separate offset for every bin; mmcv's
/// `DeformRoIPool`.
///
/// `x` `[batch, height, width, channels]`, `boxes` `[count, 5]` (sample, x₁, y₁, x₂, y₂), `offset`
/// `[count, size.height, size.width, 2]`, (x, y), in units of γ · the box's size; output
/// `[count, size.height, size.width, channels]`. Without offsets, or with zeros, it is ``RoIAlign``
/// with aligned boxes. Dai et al., "Deformable Convolutional Networks", arXiv 1703.06211, section
/// 2.2; formula and limits at
/// ``Operations/deformRoIPool(_:boxes:offset:size:scale:samplingRatio:gamma:layer:)``.
public struct DeformRoIPool: Module {
    /// Bins.
    public let size: Size2d
    /// Pixels of the map per unit of the boxes.
    public let scale: Float
    /// Points of a bin along each axis; 0: by the box's size.
    public let samplingRatio: Int
    /// Factor of the offsets.
    public let gamma: Float

    /// mmcv's defaults.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        size: Size2d, scale: Float = 1, samplingRatio: Int = 0, gamma: Float = 0.1
    ) throws(ProteanError) {
        try size.check(atLeast: 1, layer: "DeformRoIPool", option: "size")
        try checkOption(
            samplingRatio, "samplingRatio", in: 0...OptionLimits.samplingRatio,
            layer: "DeformRoIPool")
        for (option, value) in [("scale", scale), ("gamma", gamma)] where !value.isFinite {
            throw .invalidOption(
                layer: "DeformRoIPool", option: option, expected: "a finite number",
                found: "\(value)")
        }
        self.size = size
        self.scale = scale
        self.samplingRatio = samplingRatio
        self.gamma = gamma
    }

    /// The pooled boxes; `offset` nil for none.
    ///
    /// - Throws: ``ProteanError`` when shapes or a box do not fit.
    public func callAsFunction(
        _ x: Tensor, boxes: Tensor, offset: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        try traced("DeformRoIPool", path: nil, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            try Operations.deformRoIPool(
                x, boxes: boxes, offset: offset, size: size, scale: scale,
                samplingRatio: samplingRatio, gamma: gamma, layer: "DeformRoIPool")
        }
    }
}
