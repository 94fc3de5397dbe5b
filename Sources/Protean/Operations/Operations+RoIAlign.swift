import CProteanKernels

extension Operations {
    /// Pools every box of a map to a fixed size by bilinear sampling, as
    /// `torchvision.ops.roi_align`.
    ///
    /// He et al., "Mask R-CNN", arXiv 1703.06870. A box, times `scale`, is cut into `size` bins of
    /// `samplingRatio` × `samplingRatio` points (0: ⌈box size / bins⌉ of them), whose samples are
    /// averaged. A point below −1 or above the map's size is 0; others are clamped to the map.
    /// Cost: 4 multiply-adds per point and channel.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one pixel.
    ///   - boxes: `[count, 5]`: sample, x₁, y₁, x₂, y₂, all finite.
    ///   - size: bins, at least 1 × 1.
    ///   - scale: pixels of the map per unit of the boxes.
    ///   - samplingRatio: points of a bin along each axis, 1...64; 0: chosen by the box's size.
    ///   - aligned: shifts boxes by half a pixel, to where pixels have their centres; otherwise
    ///     boxes are at least one pixel wide and high.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[count, size.height, size.width, channels]`.
    /// - Throws: ``ProteanError`` when shapes, options or a box do not fit.
    public static func roiAlign(
        _ x: Tensor, boxes: Tensor, size: Size2d, scale: Float = 1, samplingRatio: Int = 0,
        aligned: Bool = false, layer: String = "roiAlign"
    ) throws(ProteanError) -> Tensor {
        var shape = try pooling(
            x, boxes: boxes, size: size, scale: scale, samplingRatio: samplingRatio, layer: layer)
        shape.aligned = aligned
        let output = [boxes.shape[0], size.height, size.width, x.shape[3]]
        return try filling(output, for: layer, from: [x, boxes]) { runtime, inputs, y in
            ptn_roi_align(runtime, &shape, inputs[0], inputs[1], y)
        }
    }

    /// Pools every box as ``roiAlign(_:boxes:size:scale:samplingRatio:aligned:layer:)`` with
    /// aligned boxes does, with a separate offset for every bin; mmcv's `deform_roi_pool`.
    ///
    /// A bin moves by γ · (box width · offset₀, box height · offset₁), in pixels of the map. A NaN
    /// offset gives NaN. Dai et al., "Deformable Convolutional Networks", arXiv 1703.06211, section
    /// 2.2. Cost: as without offsets.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one pixel.
    ///   - boxes: `[count, 5]`: sample, x₁, y₁, x₂, y₂, all finite.
    ///   - offset: `[count, size.height, size.width, 2]`, (x, y); nil for none.
    ///   - size: bins, at least 1 × 1.
    ///   - scale: pixels of the map per unit of the boxes.
    ///   - samplingRatio: points of a bin along each axis, 1...64; 0: chosen by the box's size.
    ///   - gamma: factor of the offsets.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[count, size.height, size.width, channels]`.
    /// - Throws: ``ProteanError`` when shapes, options or a box do not fit.
    public static func deformRoIPool(
        _ x: Tensor, boxes: Tensor, offset: Tensor? = nil, size: Size2d, scale: Float = 1,
        samplingRatio: Int = 0, gamma: Float = 0.1, layer: String = "deformRoIPool"
    ) throws(ProteanError) -> Tensor {
        guard gamma.isFinite else {
            throw .invalidOption(
                layer: layer, option: "gamma", expected: "a finite number", found: "\(gamma)")
        }
        guard let offset else {
            return try roiAlign(
                x, boxes: boxes, size: size, scale: scale, samplingRatio: samplingRatio,
                aligned: true, layer: layer)
        }
        var shape = try pooling(
            x, boxes: boxes, size: size, scale: scale, samplingRatio: samplingRatio, layer: layer)
        let bins = [boxes.shape[0], size.height, size.width]
        guard offset.shape == bins + [2] else {
            throw .shapeMismatch(
                layer: layer, tensor: "offset", expected: "\(bins + [2])", found: offset.shape)
        }
        return try filling(bins + [x.shape[3]], for: layer, from: [x, boxes, offset]) {
            runtime, inputs, y in
            ptn_deform_roi_pool(runtime, &shape, inputs[0], inputs[1], inputs[2], gamma, y)
        }
    }

    /// The kernel's checked description of a pooling.
    private static func pooling(
        _ x: Tensor, boxes: Tensor, size: Size2d, scale: Float, samplingRatio: Int, layer: String
    ) throws(ProteanError) -> ptn_roi_align_shape {
        try checkMap(x, pixels: true, layer: layer)
        try size.check(atLeast: 1, layer: layer, option: "size")
        guard boxes.rank == 2, boxes.shape[1] == 5 else {
            throw .shapeMismatch(
                layer: layer, tensor: "boxes", expected: "[count, 5]", found: boxes.shape)
        }
        try checkOption(
            samplingRatio, "samplingRatio", in: 0...OptionLimits.samplingRatio, layer: layer)
        guard scale.isFinite else {
            throw .invalidOption(
                layer: layer, option: "scale", expected: "a finite number", found: "\(scale)")
        }
        if !boxes.isShapeOnly { try check(boxes, samples: x.shape[0], layer: layer) }
        var shape = ptn_roi_align_shape()
        (shape.n, shape.h, shape.w, shape.c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        (shape.boxes, shape.out_h, shape.out_w) = (boxes.shape[0], size.height, size.width)
        shape.scale = scale
        shape.sampling_ratio = samplingRatio
        return shape
    }

    private static func check(
        _ boxes: Tensor, samples: Int, layer: String
    ) throws(ProteanError) {
        let values = boxes.elements
        for box in 0..<boxes.shape[0] {
            let one = Array(values[box * 5..<box * 5 + 5])
            guard one.allSatisfy({ $0.isFinite }), one[0] >= 0, one[0] < Float(samples) else {
                throw .invalidOption(
                    layer: layer, option: "boxes[\(box)]",
                    expected: "finite numbers, a sample below \(samples) first", found: "\(one)")
            }
        }
    }
}
