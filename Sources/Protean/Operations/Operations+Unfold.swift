import CProteanKernels

/// Sliding windows over a map; PyTorch's rules for `Unfold` and `Fold`.
///
/// Per axis there are ⌊(size + 2 · padding − dilation · (kernel − 1) − 1) / stride⌋ + 1 windows, row by
/// row over the map.
public struct SlidingWindow: Sendable, Hashable {
    /// Pixels of a window per axis.
    public var kernelSize: Size2d
    /// Distance between a window's pixels.
    public var dilation: Size2d
    /// Rows of zeros above and below, columns of zeros left and right.
    public var padding: Size2d
    /// Distance between windows.
    public var stride: Size2d

    /// By default windows begin at every pixel and there is no padding.
    public init(
        kernelSize: Size2d, dilation: Size2d = 1, padding: Size2d = 0, stride: Size2d = 1
    ) {
        self.kernelSize = kernelSize
        self.dilation = dilation
        self.padding = padding
        self.stride = stride
    }

    /// Throws ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    func check(layer: String) throws(ProteanError) {
        try kernelSize.check(atLeast: 1, layer: layer, option: "kernelSize")
        try dilation.check(atLeast: 1, layer: layer, option: "dilation")
        try padding.check(atLeast: 0, layer: layer, option: "padding")
        try stride.check(atLeast: 1, layer: layer, option: "stride")
    }

    /// Pixels of a window.
    var taps: Int { kernelSize.height * kernelSize.width }

    /// Windows over a map of this size; nil if not even one fits. Sizes cannot overflow: every
    /// option is at most 2²⁰.
    func windows(over size: Size2d) -> Size2d? {
        func count(_ size: Int, _ axis: KeyPath<Size2d, Int>) -> Int {
            let reach = dilation[keyPath: axis] * (kernelSize[keyPath: axis] - 1) + 1
            let room = size + 2 * padding[keyPath: axis] - reach
            return room < 0 ? 0 : room / stride[keyPath: axis] + 1
        }
        let (rows, columns) = (count(size.height, \.height), count(size.width, \.width))
        return rows > 0 && columns > 0 ? Size2d(height: rows, width: columns) : nil
    }

    func kernelValue(_ windows: Size2d) -> ptn_windows {
        ptn_windows(
            kernel_h: kernelSize.height, kernel_w: kernelSize.width,
            dilation_h: dilation.height, dilation_w: dilation.width, padding_h: padding.height,
            padding_w: padding.width, stride_h: stride.height, stride_w: stride.width,
            out_h: windows.height, out_w: windows.width)
    }
}

extension Operations {
    /// Every window of a map as a row; `torch.nn.functional.unfold` with its last two axes swapped.
    ///
    /// `y[n, p, (c · kh + i) · kw + j]` is channel c of pixel (i, j) of window p: within a row the order is
    /// PyTorch's, so that weights of a linear layer on its blocks fit. Cost: one read and one write per
    /// element of the result.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - window: kernel size, dilation, padding and stride.
    /// - Returns: `[batch, windows, channels · kh · kw]`.
    /// - Throws: ``ProteanError`` when an option is not possible or no window fits.
    public static func unfold(_ x: Tensor, _ window: SlidingWindow) throws(ProteanError) -> Tensor {
        let layer = "unfold"
        try window.check(layer: layer)
        try checkMap(x, pixels: true, layer: layer)
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        guard let windows = window.windows(over: Size2d(height: h, width: w)) else {
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "a map with room for a window of \(window.kernelSize)", found: x.shape)
        }
        let (row, rowOverflow) = c.multipliedReportingOverflow(by: window.taps)
        let (count, overflow) = windows.height.multipliedReportingOverflow(by: windows.width)
        guard !rowOverflow, !overflow else {
            throw .sizeOverflow(layer: layer, what: "the windows")
        }
        var spec = window.kernelValue(windows)
        return try filling([n, count, row], for: layer, from: [x]) { runtime, inputs, y in
            ptn_unfold(runtime, &spec, n, h, w, c, inputs[0], y)
        }
    }

    /// The sum of windows as a map; `torch.nn.functional.fold` with the input's last two axes swapped.
    ///
    /// The transpose of ``unfold(_:_:)``: every pixel is the sum of its values in all windows that
    /// contain it, added in the order of its position in the window, row by row. Cost: one read per
    /// element of `x` and one write per pixel and channel.
    /// - Parameters:
    ///   - x: `[batch, windows, channels · kh · kw]`, in the order of ``unfold(_:_:)``.
    ///   - size: height and width of the map.
    ///   - window: kernel size, dilation, padding and stride.
    /// - Returns: `[batch, size.height, size.width, channels]`.
    /// - Throws: ``ProteanError`` when an option is not possible, no window fits, or the number of
    ///   windows or of channels in `x` does not fit.
    public static func fold(
        _ x: Tensor, to size: Size2d, _ window: SlidingWindow
    ) throws(ProteanError) -> Tensor {
        let layer = "fold"
        try window.check(layer: layer)
        try size.check(atLeast: 1, layer: layer, option: "outputSize")
        guard let windows = window.windows(over: size) else {
            throw .invalidOption(
                layer: layer, option: "outputSize",
                expected: "room for a window of \(window.kernelSize)", found: "\(size)")
        }
        let (count, overflow) = windows.height.multipliedReportingOverflow(by: windows.width)
        guard !overflow else { throw .sizeOverflow(layer: layer, what: "the windows") }
        guard x.rank == 3, x.shape[1] == count, x.shape[2] % window.taps == 0 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "[batch, \(count), a multiple of \(window.taps)]", found: x.shape)
        }
        let (n, c) = (x.shape[0], x.shape[2] / window.taps)
        var spec = window.kernelValue(windows)
        return try filling([n, size.height, size.width, c], for: layer, from: [x]) {
            runtime, inputs, y in
            ptn_fold(runtime, &spec, n, size.height, size.width, c, inputs[0], y)
        }
    }
}
