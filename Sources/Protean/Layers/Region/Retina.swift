/// A glimpse with a sharp centre: regions of growing size around one location, each reduced to the
/// size of the first.
///
/// Region i is ``size`` · factorⁱ pixels wide and high, cut with zeros outside as ``RegionGather``
/// with centres does, and averaged over factorⁱ × factorⁱ pixels. Mnih, Heess, Graves,
/// Kavukcuoglu, "Recurrent Models of Visual Attention", arXiv 1406.6247. `x`
/// `[batch, height, width, channels]`, `locations` `[rows, 2]`: (x, y) in −1 … 1 from edge to edge.
/// Output `[rows, size, size, scales · channels]`, the channels of the smallest region first. On
/// maps that are not square each axis uses its own size. Cost: one addition per pixel of the
/// regions and channel.
public struct Retina: Module {
    /// Height and width of a reduced region.
    public let size: Int
    /// Number of regions.
    public let scales: Int
    /// How much larger each region is than the one before.
    public let factor: Int
    private let regions: [RegionGather]

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a number below 1,
    ///   or when the largest region exceeds ``OptionLimits/length``.
    public init(size: Int, scales: Int, factor: Int = 2) throws(ProteanError) {
        try checkOption(size, "size", in: 1...OptionLimits.length, layer: "Retina")
        try checkOption(scales, "scales", in: 1...OptionLimits.depth, layer: "Retina")
        try checkOption(factor, "factor", in: 1...OptionLimits.length, layer: "Retina")
        (self.size, self.scales, self.factor) = (size, scales, factor)
        var regions: [RegionGather] = [], length = size
        for scale in 0..<scales {
            if scale > 0 { length = length.multipliedReportingOverflow(by: factor).partialValue }
            guard (1...OptionLimits.length).contains(length) else {
                throw .invalidOption(
                    layer: "Retina", option: "scales",
                    expected: "a largest region of at most \(OptionLimits.length) pixels",
                    found: "\(scales) regions from \(size) by \(factor)")
            }
            regions.append(try RegionGather(size: Size2d(length), placement: .centres))
        }
        self.regions = regions
    }

    /// The glimpses, `[rows, size, size, scales · channels]`.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - locations: `[rows, 2]`.
    ///   - samples: the sample of each row; nil when row i belongs to sample i.
    /// - Throws: ``ProteanError`` when shapes do not fit or there is no such sample.
    public func callAsFunction(
        _ x: Tensor, locations: Tensor, samples: [Int]? = nil
    ) throws(ProteanError) -> Tensor {
        guard locations.rank == 2 else {
            throw .shapeMismatch(
                layer: "Retina", tensor: "locations", expected: "[rows, 2]",
                found: locations.shape)
        }
        var reduced: [Tensor] = []
        for region in regions {
            let cut = try region(x, locations: locations, samples: samples)
            let ratio = region.size.height / size
            reduced.append(
                ratio == 1
                    ? cut : try Operations.avgPool2d(cut, PoolWindow(kernelSize: Size2d(ratio))))
        }
        return reduced.count == 1 ? reduced[0] : try Operations.concatenate(reduced, axis: 3)
    }
}
