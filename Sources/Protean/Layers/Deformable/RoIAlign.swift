/// Pools every box of a map to a fixed size by bilinear sampling; `torchvision.ops.RoIAlign`.
///
/// `x` `[batch, height, width, channels]`, `boxes` `[count, 5]` (sample, x₁, y₁, x₂, y₂); output
/// `[count, size.height, size.width, channels]`. He et al., arXiv 1703.06870; formula and limits at
/// ``Operations/roiAlign(_:boxes:size:scale:samplingRatio:aligned:layer:)``.
public struct RoIAlign: Module {
    /// Bins.
    public let size: Size2d
    /// Pixels of the map per unit of the boxes.
    public let scale: Float
    /// Points of a bin along each axis; 0: chosen by the box's size.
    public let samplingRatio: Int
    /// Whether boxes are shifted by half a pixel.
    public let aligned: Bool

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        size: Size2d, scale: Float, samplingRatio: Int, aligned: Bool = false
    ) throws(ProteanError) {
        try size.check(atLeast: 1, layer: "RoIAlign", option: "size")
        try checkOption(
            samplingRatio, "samplingRatio", in: 0...OptionLimits.samplingRatio, layer: "RoIAlign")
        guard scale.isFinite else {
            throw .invalidOption(
                layer: "RoIAlign", option: "scale", expected: "a finite number", found: "\(scale)")
        }
        self.size = size
        self.scale = scale
        self.samplingRatio = samplingRatio
        self.aligned = aligned
    }

    /// The pooled boxes.
    ///
    /// - Throws: ``ProteanError`` when shapes or a box do not fit.
    public func callAsFunction(_ x: Tensor, boxes: Tensor) throws(ProteanError) -> Tensor {
        try traced("RoIAlign", path: nil, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            try Operations.roiAlign(
                x, boxes: boxes, size: size, scale: scale, samplingRatio: samplingRatio,
                aligned: aligned, layer: "RoIAlign")
        }
    }
}
