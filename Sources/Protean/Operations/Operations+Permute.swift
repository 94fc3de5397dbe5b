import CProteanKernels

extension Operations {
    /// Reorders axes: axis i of the result is axis `axes[i]` of `x`.
    ///
    /// Cost: one read and one write per element; permutations that move the innermost axis copy by
    /// tiles, so that reads and writes use whole cache lines.
    /// - Parameters:
    ///   - x: Up to 8 axes.
    ///   - axes: every axis of `x` once.
    /// - Throws: ``ProteanError`` when `axes` is not a permutation or there are more than 8.
    public static func permute(_ x: Tensor, _ axes: [Int]) throws(ProteanError) -> Tensor {
        guard x.rank <= PTN_PERMUTE_MOST_AXES else {
            throw .shapeMismatch(
                layer: "permute", tensor: "x", expected: "at most \(PTN_PERMUTE_MOST_AXES) axes",
                found: x.shape)
        }
        guard axes.sorted() == Array(0..<x.rank) else {
            throw .invalidOption(
                layer: "permute", option: "axes",
                expected: "every axis of \(x.shape) once", found: "\(axes)")
        }
        return try filling(axes.map { x.shape[$0] }, for: "permute", from: [x]) {
            runtime, inputs, y in
            ptn_permute(runtime, x.rank, x.shape, axes, inputs[0], y)
        }
    }

    /// Turns groups of channels into pixels: `[n, h, w, c · r²]` to `[n, h · r, w · r, c]`.
    ///
    /// `y[n, h·r + i, w·r + j, c] = x[n, h, w, c·r² + i·r + j]`, PyTorch's channel order. Shi et al.,
    /// CVPR 2016 (arXiv 1609.05158).
    /// - Throws: ``ProteanError`` when `factor` is below 1 or the channels are not a multiple of
    ///   its square.
    public static func pixelShuffle(_ x: Tensor, _ factor: Int) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "pixelShuffle")
        let area = try area(factor, layer: "pixelShuffle")
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        guard c % area == 0 else {
            throw .shapeMismatch(
                layer: "pixelShuffle", tensor: "x", expected: "a multiple of \(area) channels",
                found: x.shape)
        }
        let split = try x.reshaped(to: [n, h, w, c / area, factor, factor])
        return try permute(split, [0, 1, 4, 2, 5, 3])
            .reshaped(to: [n, h * factor, w * factor, c / area])
    }

    /// The inverse of ``pixelShuffle(_:_:)``: `[n, h · r, w · r, c]` to `[n, h, w, c · r²]`.
    ///
    /// - Throws: ``ProteanError`` when `factor` is below 1 or does not divide height and width.
    public static func pixelUnshuffle(_ x: Tensor, _ factor: Int) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "pixelUnshuffle")
        let area = try area(factor, layer: "pixelUnshuffle")
        let (n, h, w, c) = (x.shape[0], x.shape[1] / factor, x.shape[2] / factor, x.shape[3])
        guard x.shape[1] % factor == 0, x.shape[2] % factor == 0 else {
            throw .shapeMismatch(
                layer: "pixelUnshuffle", tensor: "x",
                expected: "height and width that are multiples of \(factor)", found: x.shape)
        }
        let split = try x.reshaped(to: [n, h, factor, w, factor, c])
        let (channels, overflow) = c.multipliedReportingOverflow(by: area)
        guard !overflow else { throw .sizeOverflow(layer: "pixelUnshuffle", what: "the channels") }
        return try permute(split, [0, 1, 3, 5, 2, 4]).reshaped(to: [n, h, w, channels])
    }

    private static func area(_ factor: Int, layer: String) throws(ProteanError) -> Int {
        try checkOption(factor, "factor", in: 1...OptionLimits.length, layer: layer)
        let (area, overflow) = factor.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw .sizeOverflow(layer: layer, what: "the factor's square") }
        return area
    }

    /// A map as one vector per sample, in PyTorch's order: `[n, h, w, c]` to `[n, c · h · w]` with
    /// the channel outermost, so that weights of a linear layer trained on NCHW maps fit.
    ///
    /// Costs nothing for maps of one pixel or one channel, else one read and one write. Tensors
    /// with a different number of axes keep their order: `[n, …]` to `[n, product of the rest]`.
    /// - Throws: ``ProteanError`` for a tensor without axes.
    public static func flatten(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard let batch = x.shape.first else {
            throw .shapeMismatch(
                layer: "flatten", tensor: "x", expected: "at least one axis", found: x.shape)
        }
        let vector = [batch, x.shape.dropFirst().reduce(1, *)]
        guard x.rank == 4, x.shape[3] > 1, x.shape[1] * x.shape[2] > 1 else {
            return try x.reshaped(to: vector)
        }
        return try x.nhwcToNCHW().reshaped(to: vector)
    }
}

extension Tensor {
    /// A map in PyTorch's order `[batch, channels, height, width]` as NHWC.
    ///
    /// - Throws: ``ProteanError`` unless there are four axes.
    public func nchwToNHWC() throws(ProteanError) -> Tensor {
        try checkFourAxes("nchwToNHWC", "[batch, channels, height, width]")
        return try Operations.permute(self, [0, 2, 3, 1])
    }

    /// A map `[batch, height, width, channels]` in PyTorch's order NCHW.
    ///
    /// - Throws: ``ProteanError`` unless there are four axes.
    public func nhwcToNCHW() throws(ProteanError) -> Tensor {
        try checkFourAxes("nhwcToNCHW", "[batch, height, width, channels]")
        return try Operations.permute(self, [0, 3, 1, 2])
    }

    private func checkFourAxes(
        _ layer: String, _ expected: String
    ) throws(ProteanError) {
        guard rank == 4 else {
            throw .shapeMismatch(layer: layer, tensor: "x", expected: expected, found: shape)
        }
    }
}
