import CProteanKernels

/// The size and position of pooling windows, with PyTorch's rules at the borders.
///
/// `output = ⌊(size + 2 · padding − dilation · (kernel − 1) − 1) / stride⌋ + 1` per axis. With
/// ``ceilMode`` the quotient is rounded up, and windows that would start in the padding on the
/// right or below are dropped.
public struct PoolWindow: Sendable, Equatable {
    /// Taps per axis.
    public var kernelSize: Size2d
    /// Distance between windows; by default the kernel size, so that windows are adjacent.
    public var stride: Size2d
    /// Rows above and below, columns left and right; at most half the kernel size.
    public var padding: Size2d
    /// Distance between taps; for maxima only.
    public var dilation: Size2d
    /// Whether output sizes are rounded up.
    public var ceilMode: Bool

    /// A window; `stride` defaults to the kernel size.
    public init(
        kernelSize: Size2d, stride: Size2d? = nil, padding: Size2d = 0, dilation: Size2d = 1,
        ceilMode: Bool = false
    ) {
        self.kernelSize = kernelSize
        self.stride = stride ?? kernelSize
        self.padding = padding
        self.dilation = dilation
        self.ceilMode = ceilMode
    }

    /// Throws ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    func check(layer: String) throws(ProteanError) {
        try kernelSize.check(atLeast: 1, layer: layer, option: "kernelSize")
        try stride.check(atLeast: 1, layer: layer, option: "stride")
        try padding.check(atLeast: 0, layer: layer, option: "padding")
        try dilation.check(atLeast: 1, layer: layer, option: "dilation")
        guard padding.height <= kernelSize.height / 2, padding.width <= kernelSize.width / 2 else {
            throw .invalidOption(
                layer: layer, option: "padding",
                expected: "at most half the kernel size \(kernelSize)", found: "\(padding)")
        }
    }

    func kernelSpec(_ kind: ptn_pool_kind) -> ptn_pool_spec {
        var spec = ptn_pool_spec()
        spec.kind = kind
        spec.rows = ptn_pool_axis(
            kernel: kernelSize.height, stride: stride.height, dilation: dilation.height,
            padding: padding.height)
        spec.columns = ptn_pool_axis(
            kernel: kernelSize.width, stride: stride.width, dilation: dilation.width,
            padding: padding.width)
        spec.ceil_mode = ceilMode
        return spec
    }
}

extension Operations {
    /// The largest value of each window; NaN if the window holds one. Padding is never the maximum.
    ///
    /// Cost: one read of the input, one write of the output, and kernel height · kernel width
    /// comparisons per output.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - window: kernel size, stride, padding, dilation, rounding.
    /// - Returns: `[batch, height', width', channels]`; see ``PoolWindow`` for the sizes.
    /// - Throws: ``ProteanError`` when an option is not possible or the map is too small.
    public static func maxPool2d(
        _ x: Tensor, _ window: PoolWindow
    ) throws(ProteanError) -> Tensor {
        try window.check(layer: "maxPool2d")
        return try pool(x, window.kernelSpec(PTN_POOL_MAX), layer: "maxPool2d")
    }

    /// The mean of each window.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - window: kernel size, stride, padding and rounding; dilation must be 1.
    ///   - countIncludePad: whether padding counts as zeros (the default) or is ignored. Positions
    ///     that ``PoolWindow/ceilMode`` adds beyond the padding are always ignored.
    ///   - divisorOverride: divides the sum by this instead of the window's size.
    /// - Returns: `[batch, height', width', channels]`; see ``PoolWindow`` for the sizes.
    /// - Throws: ``ProteanError`` when an option is not possible or the map is too small.
    public static func avgPool2d(
        _ x: Tensor, _ window: PoolWindow, countIncludePad: Bool = true,
        divisorOverride: Int? = nil
    ) throws(ProteanError) -> Tensor {
        try checkAverage(window, divisorOverride, layer: "avgPool2d")
        var spec = window.kernelSpec(PTN_POOL_AVERAGE)
        spec.count_include_pad = countIncludePad
        spec.divisor = divisorOverride ?? 0
        return try pool(x, spec, layer: "avgPool2d")
    }

    static func checkAverage(
        _ window: PoolWindow, _ divisorOverride: Int?, layer: String
    ) throws(ProteanError) {
        try window.check(layer: layer)
        guard window.dilation == 1 else {
            throw .invalidOption(
                layer: layer, option: "dilation", expected: "1", found: "\(window.dilation)")
        }
        if let divisorOverride, divisorOverride < 1 {
            throw .invalidOption(
                layer: layer, option: "divisorOverride", expected: "at least 1",
                found: "\(divisorOverride)")
        }
    }

    private static func pool(
        _ x: Tensor, _ spec: ptn_pool_spec, layer: String
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: layer)
        var spec = spec
        var height = 0, width = 0
        guard ptn_pool_output_size(&spec.rows, x.shape[1], spec.ceil_mode, &height),
            ptn_pool_output_size(&spec.columns, x.shape[2], spec.ceil_mode, &width)
        else {
            let size = Size2d(height: spec.rows.kernel, width: spec.columns.kernel)
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "a padded map at least as large as the dilated window of \(size)",
                found: x.shape)
        }
        let shape = [x.shape[0], height, width, x.shape[3]]
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_pool2d(
                runtime, &spec, x.shape[0], x.shape[1], x.shape[2], x.shape[3], inputs[0], y)
        }
    }

    /// The mean of each of `output` nearly equal parts of the map.
    ///
    /// Output row i averages rows ⌊i · height / height'⌋ up to but not including
    /// ⌈(i + 1) · height / height'⌉, columns likewise; neighbouring parts may overlap by one row.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - output: height' and width'.
    /// - Returns: `[batch, height', width', channels]`.
    /// - Throws: ``ProteanError`` when a size is negative or the map is empty.
    public static func adaptiveAvgPool2d(
        _ x: Tensor, outputSize output: Size2d
    ) throws(ProteanError) -> Tensor {
        try output.check(atLeast: 0, layer: "adaptiveAvgPool2d", option: "outputSize")
        try checkMap(x, pixels: true, layer: "adaptiveAvgPool2d")
        let shape = [x.shape[0], output.height, output.width, x.shape[3]]
        if output == 1 { return try globalAveragePool(x).reshaped(to: shape) }
        return try filling(shape, for: "adaptiveAvgPool2d", from: [x]) { runtime, inputs, y in
            ptn_adaptive_average_pool2d(
                runtime, x.shape[0], x.shape[1], x.shape[2], x.shape[3], output.height,
                output.width, inputs[0], y)
        }
    }

    /// The mean of every channel over the whole map: `[batch, height, width, channels]` to
    /// `[batch, channels]`.
    ///
    /// Summed in blocks that are combined in double precision. Cost: one read of the map.
    /// - Throws: ``ProteanError`` when the map is empty.
    public static func globalAveragePool(_ x: Tensor) throws(ProteanError) -> Tensor {
        try globalPool(x, PTN_POOL_AVERAGE, layer: "globalAveragePool")
    }

    /// The largest value of every channel: `[batch, height, width, channels]` to
    /// `[batch, channels]`. NaN if the map holds one.
    ///
    /// - Throws: ``ProteanError`` when the map is empty.
    public static func globalMaxPool(_ x: Tensor) throws(ProteanError) -> Tensor {
        try globalPool(x, PTN_POOL_MAX, layer: "globalMaxPool")
    }

    private static func globalPool(
        _ x: Tensor, _ kind: ptn_pool_kind, layer: String
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, pixels: true, layer: layer)
        return try filling([x.shape[0], x.shape[3]], for: layer, from: [x]) { runtime, inputs, y in
            ptn_global_pool(
                runtime, kind, x.shape[0], x.shape[1] * x.shape[2], x.shape[3], inputs[0], y)
        }
    }

    /// Throws unless `x` is a map, with at least one pixel if `pixels` is true.
    static func checkMap(
        _ x: Tensor, pixels: Bool = false, layer: String
    ) throws(ProteanError) {
        guard x.rank == 4 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "[batch, height, width, channels]",
                found: x.shape)
        }
        guard !pixels || (x.shape[1] > 0 && x.shape[2] > 0) else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "at least one pixel", found: x.shape)
        }
    }
}
