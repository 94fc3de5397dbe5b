import CProteanKernels

/// All options of the deformable aggregation of DCNv3 and DCNv4, except its input's size.
public struct DeformableAggregation: Sendable, Hashable {
    /// Groups of channels, each with its own points.
    public var groups: Int
    /// Height and width of the grid of points.
    public var kernelSize: Size2d
    /// Step from one output to the next, in input pixels.
    public var stride: Size2d
    /// Zeros on each side.
    public var padding: Size2d
    /// Distance between neighbouring points, in input pixels.
    public var dilation: Size2d
    /// Factor of the whole centred grid, displacements included.
    public var offsetScale: Float
    /// Leaves out the point in the middle.
    public var removeCenter: Bool

    /// A checked geometry; `layer` names the caller in errors. Lengths are at most 2²⁰, points of all
    /// groups together at most 2²².
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        groups: Int, kernelSize: Size2d = 3, stride: Size2d = 1, padding: Size2d = 1,
        dilation: Size2d = 1, offsetScale: Float = 1, removeCenter: Bool = false,
        layer: String = "DeformableAggregation"
    ) throws(ProteanError) {
        (self.groups, self.kernelSize, self.stride) = (groups, kernelSize, stride)
        (self.padding, self.dilation, self.offsetScale) = (padding, dilation, offsetScale)
        self.removeCenter = removeCenter
        try kernelSize.check(atLeast: 1, layer: layer, option: "kernelSize")
        try stride.check(atLeast: 1, layer: layer, option: "stride")
        try padding.check(atLeast: 0, layer: layer, option: "padding")
        try dilation.check(atLeast: 1, layer: layer, option: "dilation")
        try checkChannels(groups, "groups", layer: layer)
        guard offsetScale.isFinite else {
            throw .invalidOption(
                layer: layer, option: "offsetScale", expected: "a finite number",
                found: "\(offsetScale)")
        }
        let square = kernelSize.height == kernelSize.width && kernelSize.height % 2 == 1
        guard !removeCenter || square && kernelSize.height > 1 else {
            throw .invalidOption(
                layer: layer, option: "removeCenter",
                expected: "false, unless the kernel is square, odd and larger than 1x1",
                found: "true with \(kernelSize)")
        }
        let (area, overflow) = kernelSize.height.multipliedReportingOverflow(by: kernelSize.width)
        guard !overflow, area <= OptionLimits.channels / 4 / groups else {
            throw .sizeOverflow(layer: layer, what: "the points of \(groups) groups")
        }
    }

    /// Points of a group.
    public var points: Int { kernelSize.height * kernelSize.width - (removeCenter ? 1 : 0) }

    func kernelShape(for input: [Int]) -> ptn_deform_aggregate_shape {
        var shape = ptn_deform_aggregate_shape()
        (shape.n, shape.h, shape.w, shape.channels) = (input[0], input[1], input[2], input[3])
        shape.groups = groups
        (shape.kh, shape.kw) = (kernelSize.height, kernelSize.width)
        (shape.stride_h, shape.stride_w) = (stride.height, stride.width)
        (shape.pad_h, shape.pad_w) = (padding.height, padding.width)
        (shape.dilation_h, shape.dilation_w) = (dilation.height, dilation.width)
        shape.offset_scale = offsetScale
        shape.remove_center = removeCenter
        return shape
    }

    /// `[batch, height', width']` for an input `[batch, height, width, channels]`.
    func outputMap(for input: [Int], layer: String) throws(ProteanError) -> [Int] {
        guard input.count == 4, input[3] % groups == 0 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "[batch, height, width, a multiple of \(groups)]", found: input)
        }
        let axes = [
            (input[1], kernelSize.height, stride.height, padding.height, dilation.height),
            (input[2], kernelSize.width, stride.width, padding.width, dilation.width),
        ]
        var map = [input[0]]
        for (size, kernel, stride, padding, dilation) in axes {
            let (reach, far) = (kernel - 1).multipliedReportingOverflow(by: dilation)
            let (around, wide) = padding.multipliedReportingOverflow(by: 2)
            let (padded, large) = size.addingReportingOverflow(around)
            guard !far, !wide, !large, reach < padded else {
                throw .shapeMismatch(
                    layer: layer, tensor: "x",
                    expected: "an image at least as large as the dilated kernel", found: input)
            }
            map.append((padded - reach - 1) / stride + 1)
        }
        return map
    }
}

extension Operations {
    /// The core of DCNv3 (Wang et al., arXiv 2211.05778): every group of channels is a weighted sum
    /// of its own bilinear samples.
    ///
    /// `y[n, oy, ox, g, c] = Σ_p mask[g, p] · sample(x[n, :, :, g, c], py, px)` with
    /// `px = ox·s − pad + h − h·a + (i·d + offset_x)·a`, `h = ⌊d·(k − 1) / 2⌋`, a the offset scale,
    /// and py likewise. Points run column by column, `p = i · height + j` with i along the width.
    /// Samples outside of the map are 0, as in ``DeformableConv2d``. Cost: 4 multiply-adds per
    /// point and channel, in place: besides the result it needs only a few KiB per thread.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - offset: `[batch, height', width', groups · points · 2]`, (x, y) per point.
    ///   - mask: `[batch, height', width', groups · points]`, used as it is.
    ///   - aggregation: groups, points and geometry.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', channels]`.
    /// - Throws: ``ProteanError`` when shapes do not fit or memory is short.
    public static func deformAggregate(
        _ x: Tensor, offset: Tensor, mask: Tensor, _ aggregation: DeformableAggregation,
        layer: String = "deformAggregate"
    ) throws(ProteanError) -> Tensor {
        let map = try aggregation.outputMap(for: x.shape, layer: layer)
        let entries = aggregation.groups * aggregation.points
        for (name, tensor, width) in [("offset", offset, 2 * entries), ("mask", mask, entries)]
        where tensor.shape != map + [width] {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(map + [width])", found: tensor.shape)
        }
        var shape = aggregation.kernelShape(for: x.shape)
        (shape.offset_pixel, shape.offset_group) = (2 * entries, 2 * aggregation.points)
        (shape.mask_pixel, shape.mask_group) = (entries, aggregation.points)
        return try filling(
            map + [x.shape[3]], for: layer, from: [x, offset, mask]
        ) { runtime, inputs, y in
            ptn_deform_aggregate(runtime, &shape, inputs[0], inputs[1], inputs[2], y)
        }
    }

    /// The core of DCNv4 (Xiong et al., arXiv 2401.06197): as
    /// ``deformAggregate(_:offset:mask:_:layer:)`` with displacements and weights in one tensor.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - offsetMask: `[batch, height', width', at least 3 · groups · points]`: per group, (x, y)
    ///     of each point, then the points' weights; further channels are not read.
    ///   - aggregation: groups, points and geometry.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', channels]`.
    /// - Throws: ``ProteanError`` when shapes do not fit or memory is short.
    public static func deformAggregate(
        _ x: Tensor, offsetMask: Tensor, _ aggregation: DeformableAggregation,
        layer: String = "deformAggregate"
    ) throws(ProteanError) -> Tensor {
        let map = try aggregation.outputMap(for: x.shape, layer: layer)
        let points = aggregation.points, entries = aggregation.groups * points
        guard offsetMask.rank == 4, Array(offsetMask.shape.dropLast()) == map,
            offsetMask.shape[3] >= 3 * entries
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "offset_mask",
                expected: "\(map) and at least \(3 * entries) channels", found: offsetMask.shape)
        }
        var shape = aggregation.kernelShape(for: x.shape)
        (shape.offset_pixel, shape.offset_group) = (offsetMask.shape[3], 3 * points)
        (shape.mask_pixel, shape.mask_group) = (offsetMask.shape[3], 3 * points)
        return try filling(
            map + [x.shape[3]], for: layer, from: [x, offsetMask]
        ) { runtime, inputs, y in
            ptn_deform_aggregate(
                runtime, &shape, inputs[0], inputs[1], inputs[1] + 2 * points, y)
        }
    }

    /// z + (u − z) · gate, one gate per pixel and group of channels: `gate` is
    /// `[batch, height, width, groups]`.
    static func blendGroups(
        _ z: Tensor, _ u: Tensor, gate: Tensor, layer: String
    ) throws(ProteanError) -> Tensor {
        let groups = gate.shape.last ?? 1
        return try filling(z.shape, for: layer, from: [z, u, gate]) { runtime, inputs, y in
            ptn_blend_groups(
                runtime, groups == 0 ? 0 : gate.count / groups, groups,
                gate.count == 0 ? 0 : z.count / gate.count, inputs[0], inputs[1], inputs[2], y)
        }
    }
}

extension Cost {
    static func aggregation(_ x: Tensor, _ points: Int, _ given: Int, _ y: Tensor) -> Cost {
        Cost(
            multiplyAdds: 4 * points * y.count,
            bytes: (x.count + given + y.count) * MemoryLayout<Float>.stride)
    }
}
