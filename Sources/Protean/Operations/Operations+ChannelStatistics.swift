import CProteanKernels

/// Numbers that describe each channel of a map, taken over its pixels.
///
/// A set: ``Operations/channelStatistics(_:_:unbiased:eps:)`` computes several in one read of the
/// map, in the order of the names below.
public struct ChannelStatistics: OptionSet, Sendable, Hashable {
    /// One bit per statistic.
    public let rawValue: Int

    /// Statistics by their bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Σ x / pixels.
    public static let mean = ChannelStatistics(rawValue: PTN_STATISTIC_MEAN)
    /// √(Σ (x − mean)² / (pixels − 1) + eps), or with `pixels` as the divisor.
    public static let deviation = ChannelStatistics(
        rawValue: PTN_STATISTIC_DEVIATION)
    /// The largest value.
    public static let maximum = ChannelStatistics(rawValue: PTN_STATISTIC_MAX)
    /// Σ |x|, the l1 norm.
    public static let l1 = ChannelStatistics(rawValue: PTN_STATISTIC_L1)
    /// √(Σ x² + eps), the l2 norm.
    public static let l2 = ChannelStatistics(rawValue: PTN_STATISTIC_L2)
    /// All of them.
    public static let all = ChannelStatistics(rawValue: PTN_STATISTIC_ALL)

    /// How many there are.
    public var count: Int { rawValue.nonzeroBitCount }
}

extension Operations {
    /// Statistics of every channel of every sample, in one read of the map.
    ///
    /// Sums are taken in blocks of pixels and combined in double precision, those of deviations
    /// relative to a value of the block: large maps, and means that are large compared with the
    /// deviations, cost no precision. NaN stays in its channel of its sample. A single pixel has no
    /// unbiased variance; it counts as 0, where PyTorch gives NaN.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one pixel.
    ///   - statistics: at least one.
    ///   - unbiased: whether deviations divide by one less than the number of pixels.
    ///   - eps: added under the root of ``ChannelStatistics/deviation`` and ``ChannelStatistics/l2``;
    ///     finite and at least 0.
    /// - Returns: `[batch, statistics, channels]`, in the order in which ``ChannelStatistics`` names
    ///   them.
    /// - Throws: ``ProteanError`` when `x` or an option does not fit.
    public static func channelStatistics(
        _ x: Tensor, _ statistics: ChannelStatistics, unbiased: Bool = true, eps: Double = 0
    ) throws(ProteanError) -> Tensor {
        let layer = "channelStatistics"
        try checkMap(x, pixels: true, layer: layer)
        try checkEpsilon(eps, layer: layer)
        guard !statistics.isEmpty, ChannelStatistics.all.isSuperset(of: statistics) else {
            throw .invalidOption(
                layer: layer, option: "statistics",
                expected: "one or more of mean, deviation, maximum, l1, l2",
                found: "bits \(statistics.rawValue)")
        }
        let shape = [x.shape[0], statistics.count, x.shape[3]]
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_channel_statistics(
                runtime, UInt32(statistics.rawValue), x.shape[0], x.shape[1] * x.shape[2],
                x.shape[3], unbiased ? 1 : 0, eps, inputs[0], y)
        }
    }
}
