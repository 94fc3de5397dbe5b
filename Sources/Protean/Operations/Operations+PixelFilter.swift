import CProteanKernels

extension Operations {
    /// Every output pixel is a weighted sum of the pixels around its position, with a filter of its
    /// own that all channels of a group share: the common part of dynamic local filters
    /// (arXiv 1605.09673), involution (arXiv 2103.06255), CARAFE (arXiv 1905.02188), decoupled
    /// dynamic filters (arXiv 2104.14107) and dynamic upsampling filters (CVPR 2018).
    ///
    /// `y[n, oy·S + dy, ox·S + dx, c] = Σ_{i,j} F[n, oy, ox, dy, dx, g(c), i, j] ·
    /// x[n, oy·s − p + i·d, ox·s − p + j·d, c]` where F is the normalised filter, times or plus
    /// that of channel c if there are `channelFilters`. Pixels outside of the map are left out;
    /// normalisation comes before and counts their taps. Nothing is unfolded, and the map is not
    /// enlarged: the memory besides the result is a few KiB per thread. Results do not depend on
    /// the number of threads. Cost: one multiply-add per tap and output, two with channel filters
    /// that multiply; every filter value is read once.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - filters: per pixel, with the axes of ``PixelFilter/order``.
    ///   - filter: window, groups, factor, normalisation and order.
    ///   - channelFilters: `[batch, taps, channels]`; only with factor 1.
    ///   - residual: added to the result: of its shape, or `[batch, height', width', S² · channels]`
    ///     with the S² outputs of a position one after another, row by row.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height' · S, width' · S, channels]`; height' and width' are the numbers of
    ///   windows.
    /// - Throws: ``ProteanError`` when shapes do not fit or memory is short.
    public static func pixelFilter(
        _ x: Tensor, filters: Tensor, _ filter: PixelFilter, channelFilters: Tensor? = nil,
        residual: Tensor? = nil, layer: String = "pixelFilter"
    ) throws(ProteanError) -> Tensor {
        let sizes = try filter.sizes(for: x, layer: layer)
        try sizes.check(filters, "filters", [filter.filterShape(sizes)])
        if let channelFilters {
            guard filter.factor == 1 else {
                throw .invalidOption(
                    layer: layer, option: "factor", expected: "1 with filters of channels",
                    found: "\(filter.factor)")
            }
            try sizes.check(
                channelFilters, "channelFilters",
                [[x.shape[0], filter.window.taps, x.shape[3]]])
        }
        if let residual {
            try sizes.check(residual, "residual", [sizes.output, sizes.outputByPosition])
        }
        var shape = filter.kernelShape(sizes, x.shape)
        shape.residual_by_position =
            residual.map { $0.shape != sizes.output } ?? false
        let inputs = [x, filters] + [channelFilters, residual].compactMap { $0 }
        let y = try filling(sizes.output, for: layer, from: inputs) { runtime, bases, y in
            ptn_pixel_filter(
                runtime, &shape, bases[0], bases[1], channelFilters == nil ? nil : bases[2],
                residual == nil ? nil : bases[bases.count - 1], y)
        }
        try FilterRecord.note(path: layer, input: x, output: y) { () throws(ProteanError) in
            try filter.recorded(filters)
        }
        return y
    }
}

/// Positions and output of filters on one map.
private struct PixelFilterSizes {
    let batch: Int
    let positions: Size2d
    let output: [Int]
    let outputByPosition: [Int]
    let layer: String

    /// Throws unless `tensor` has one of the shapes.
    func check(_ tensor: Tensor, _ name: String, _ shapes: [[Int]]) throws(ProteanError) {
        guard shapes.contains(tensor.shape) else {
            throw .shapeMismatch(
                layer: layer, tensor: name,
                expected: shapes.map { "\($0)" }.joined(separator: " or "), found: tensor.shape)
        }
    }
}

extension PixelFilter {
    fileprivate func sizes(for x: Tensor, layer: String) throws(ProteanError) -> PixelFilterSizes {
        try Operations.checkMap(x, pixels: true, layer: layer)
        guard x.shape[3] % groups == 0 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "[batch, height, width, a multiple of \(groups)]", found: x.shape)
        }
        guard let positions = window.windows(over: Size2d(height: x.shape[1], width: x.shape[2]))
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "a map with room for a window of \(window.kernelSize)", found: x.shape)
        }
        // The largest products of sizes; all others are parts of them.
        let map = [max(x.shape[0], 1), positions.height, positions.width]
        _ = try Shape.elementCount(map + [try valuesPerPosition(layer: layer)], layer: layer)
        _ = try Shape.elementCount(map + [factor, factor, x.shape[3]], layer: layer)
        let outputByPosition = [
            x.shape[0], positions.height, positions.width, factor * factor * x.shape[3],
        ]
        return PixelFilterSizes(
            batch: x.shape[0], positions: positions,
            output: [
                x.shape[0], positions.height * factor, positions.width * factor, x.shape[3],
            ],
            outputByPosition: outputByPosition, layer: layer)
    }

    fileprivate func filterShape(_ sizes: PixelFilterSizes) -> [Int] {
        let values = groups * window.taps, positions = sizes.positions
        return order == .beforeShuffle
            ? [sizes.batch, positions.height, positions.width, values * factor * factor]
            : [sizes.batch, positions.height * factor, positions.width * factor, values]
    }

    fileprivate func kernelShape(
        _ sizes: PixelFilterSizes, _ input: [Int]
    ) -> ptn_pixel_filter_shape {
        var shape = ptn_pixel_filter_shape()
        (shape.n, shape.h, shape.w, shape.channels) = (input[0], input[1], input[2], input[3])
        shape.groups = groups
        (shape.kh, shape.kw) = (window.kernelSize.height, window.kernelSize.width)
        (shape.stride_h, shape.stride_w) = (window.stride.height, window.stride.width)
        (shape.pad_h, shape.pad_w) = (window.padding.height, window.padding.width)
        (shape.dilation_h, shape.dilation_w) = (window.dilation.height, window.dilation.width)
        (shape.out_h, shape.out_w) = (sizes.positions.height, sizes.positions.width)
        shape.factor = factor
        (shape.kind, shape.scale) = normalization.kernelValue
        shape.combine = combination.kernelValue
        setSteps(&shape)
        return shape
    }

    /// Floats between the values of the filters.
    private func setSteps(_ shape: inout ptn_pixel_filter_shape) {
        let taps = window.taps, outputs = factor * factor, values = groups * taps
        if order == .beforeShuffle {
            (shape.filter_group, shape.filter_tap) = (taps * outputs, outputs)
            (shape.filter_down, shape.filter_right) = (factor, 1)
            shape.filter_column = values * outputs
        } else {
            shape.filter_group = order == .groupMajor ? taps : 1
            shape.filter_tap = order == .groupMajor ? 1 : groups
            shape.filter_right = values
            shape.filter_column = factor * values
            shape.filter_down = shape.filter_column * shape.out_w
        }
        shape.filter_row =
            order == .beforeShuffle
            ? shape.out_w * shape.filter_column : factor * shape.filter_down
    }
}

extension Cost {
    /// Filters per pixel: `products` multiply-adds per tap and output.
    static func pixelFilter(
        _ x: Tensor, _ filters: [Tensor], _ y: Tensor, taps: Int, products: Int = 1
    ) -> Cost {
        let given = filters.reduce(0) { $0 + $1.count }
        return Cost(
            multiplyAdds: y.count * taps * products,
            bytes: (x.count + given + y.count) * MemoryLayout<Float>.stride)
    }
}
