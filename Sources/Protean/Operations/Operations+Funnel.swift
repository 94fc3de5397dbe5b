import CProteanKernels

extension Operations {
    /// A position of a funnel's kernel, relative to the pixel.
    public struct FunnelTap: Sendable, Hashable {
        /// Rows below the pixel.
        public let row: Int
        /// Columns to the right of the pixel.
        public let column: Int

        /// A position by its distance from the pixel.
        public init(row: Int, column: Int) {
            self.row = row
            self.column = column
        }
    }

    /// Funnel activation: y = max(x, bias + Σ weights[t] · x at tap t), channel by channel, zeros
    /// beyond the edges.
    ///
    /// Ma, Zhang, Sun, ECCV 2020 (arXiv 2007.11824). Cost: one multiply-add per element and tap,
    /// one read and one write of the map.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - taps: at most 121 positions, each at most 2²⁰ rows and columns away.
    ///   - weights: `[taps, channels]`.
    ///   - bias: `[channels]`.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError`` when shapes do not fit or there are too many taps.
    public static func funnel(
        _ x: Tensor, taps: [FunnelTap], weights: Tensor, bias: Tensor
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "funnel")
        let channels = x.shape[3], most = Int(PTN_FUNNEL_MOST_TAPS), reach = OptionLimits.length
        let near = -reach...reach
        guard taps.count <= most,
            taps.allSatisfy({ near.contains($0.row) && near.contains($0.column) })
        else {
            throw .invalidOption(
                layer: "funnel", option: "taps",
                expected: "at most \(most) within \(reach) rows and columns",
                found: "\(taps.count)")
        }
        guard weights.shape == [taps.count, channels] else {
            throw .shapeMismatch(
                layer: "funnel", tensor: "weights", expected: "[\(taps.count), \(channels)]",
                found: weights.shape)
        }
        try check(bias, "bias", channels: channels, layer: "funnel")
        let places = taps.map { ptn_funnel_tap(row: Int32($0.row), column: Int32($0.column)) }
        return try filling(x.shape, for: "funnel", from: [x, weights, bias]) {
            runtime, inputs, y in
            ptn_funnel(
                runtime, x.shape[0], x.shape[1], x.shape[2], channels, places.count, places,
                inputs[1], inputs[2], inputs[0], y)
        }
    }
}
