import CProteanKernels

/// All options of filters per pixel, except the sizes of the map; see
/// ``Operations/pixelFilter(_:filters:_:channelFilters:residual:layer:)``.
public struct PixelFilter: Sendable, Hashable {
    /// What is done with the given filters before they are used.
    public enum Normalization: Sendable, Hashable {
        /// Nothing.
        case none
        /// The softmax over the taps of each filter.
        case softmax
        /// The sigmoid of each value.
        case sigmoid
        /// `(f − mean) / (s + 10⁻¹⁰) · scale` with the mean and the unbiased standard deviation s
        /// of the taps of each filter, which must be at least two.
        case standardized(scale: Float)

        var kernelValue: (kind: ptn_filter_kind, scale: Float) {
            switch self {
            case .none: (PTN_FILTER_GIVEN, 1)
            case .softmax: (PTN_FILTER_SOFTMAX, 1)
            case .sigmoid: (PTN_FILTER_SIGMOID, 1)
            case .standardized(let scale): (PTN_FILTER_STANDARDISED, scale)
            }
        }
    }

    /// The axes of the filters, T taps row by row, G groups, S the factor.
    public enum Order: Sendable, Hashable {
        /// `[batch, height' · S, width' · S, G · T]`, channel `g · T + tap`.
        case groupMajor
        /// `[batch, height' · S, width' · S, T · G]`, channel `tap · G + g`.
        case tapMajor
        /// `[batch, height', width', G · T · S²]`, channel `(g · T + tap) · S² + dy · S + dx` for
        /// output (dy, dx) of a position: a map before its pixel shuffle.
        case beforeShuffle
    }

    /// How the filters of channels join those of pixels.
    public enum Combination: String, Sendable, CaseIterable {
        /// The product of both.
        case multiply = "mul"
        /// Their sum.
        case add

        var kernelValue: ptn_combine_mode {
            self == .multiply ? PTN_COMBINE_MULTIPLY : PTN_COMBINE_ADD
        }
    }

    /// The positions of the filters on the map: kernel size, stride, padding and dilation.
    public var window: SlidingWindow
    /// Groups of channels; those of a group share a filter.
    public var groups: Int
    /// S: outputs per axis and position of the window.
    public var factor: Int
    /// What is done with the filters before they are used.
    public var normalization: Normalization
    /// The axes of the filters.
    public var order: Order
    /// How filters of channels, if there are any, join the filters.
    public var combination: Combination

    /// Checked options; `layer` names the caller in errors.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        window: SlidingWindow, groups: Int = 1, factor: Int = 1,
        normalization: Normalization = .none, order: Order = .groupMajor,
        combination: Combination = .multiply, layer: String = "pixelFilter"
    ) throws(ProteanError) {
        (self.window, self.groups, self.factor) = (window, groups, factor)
        (self.normalization, self.order) = (normalization, order)
        self.combination = combination
        try window.check(layer: layer)
        try checkChannels(groups, "groups", layer: layer)
        try checkOption(factor, "factor", in: 1...OptionLimits.length, layer: layer)
        if case .standardized(let scale) = normalization, window.taps < 2 || !scale.isFinite {
            throw .invalidOption(
                layer: layer, option: "normalization",
                expected: "at least two taps and a finite scale to standardize",
                found: "\(window.taps), \(scale)")
        }
        _ = try valuesPerPosition(layer: layer)
    }

    /// Filters that keep the map's size: odd kernel sizes, padding of half of them.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    static func centred(
        kernelSize: Size2d, stride: Size2d = 1, dilation: Size2d = 1, groups: Int = 1,
        factor: Int = 1, normalization: Normalization = .none, order: Order = .groupMajor,
        combination: Combination = .multiply, layer: String
    ) throws(ProteanError) -> PixelFilter {
        try kernelSize.check(atLeast: 1, layer: layer, option: "kernelSize")
        try dilation.check(atLeast: 1, layer: layer, option: "dilation")
        guard kernelSize.height % 2 == 1, kernelSize.width % 2 == 1 else {
            throw .invalidOption(
                layer: layer, option: "kernelSize", expected: "odd sizes", found: "\(kernelSize)")
        }
        let padding = Size2d(
            height: kernelSize.height / 2 * dilation.height,
            width: kernelSize.width / 2 * dilation.width)
        return try PixelFilter(
            window: SlidingWindow(
                kernelSize: kernelSize, dilation: dilation, padding: padding, stride: stride),
            groups: groups, factor: factor, normalization: normalization, order: order,
            combination: combination, layer: layer)
    }

    /// Groups · taps · outputs of a position.
    func valuesPerPosition(layer: String) throws(ProteanError) -> Int {
        try Shape.elementCount([groups, window.taps, factor, factor], layer: layer)
    }
}
