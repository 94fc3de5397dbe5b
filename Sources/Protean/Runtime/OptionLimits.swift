/// The ranges that options of all layers share.
///
/// They lie far beyond any network, and keep the arithmetic of sizes and the work of loops within
/// bounds; the memory of a layer's result is bounded by ``Memory/limit``. An option out of its
/// range throws ``ProteanError/invalidOption(layer:option:expected:found:)``.
public enum OptionLimits {
    /// The largest length: kernel sizes, strides, dilations, paddings, sizes of outputs, cells and
    /// blocks, and factors.
    public static let length = 1 << 20
    /// The most channels, features, classes or groups.
    public static let channels = 1 << 24
    /// The most parts that one option requests: experts.
    public static let experts = 1 << 16
    /// The most layers, units or steps that follow each other.
    public static let depth = 1 << 10
    /// The most points that are chosen or sampled.
    public static let points = 1 << 30
    /// The most points along one axis of a bin.
    public static let samplingRatio = 1 << 6
}

/// Throws unless `value` lies in `range`.
func checkOption(
    _ value: Int, _ option: String, in range: ClosedRange<Int>, layer: String
) throws(ProteanError) {
    guard range.contains(value) else {
        throw .invalidOption(
            layer: layer, option: option,
            expected: range.upperBound == Int.max
                ? "at least \(range.lowerBound)" : "\(range.lowerBound)...\(range.upperBound)",
            found: "\(value)")
    }
}

/// Throws unless `channels` is in 1...``OptionLimits/channels``.
func checkChannels(_ channels: Int, _ option: String, layer: String) throws(ProteanError) {
    try checkOption(channels, option, in: 1...OptionLimits.channels, layer: layer)
}
