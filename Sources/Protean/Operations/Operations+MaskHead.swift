import CProteanKernels

extension Operations {
    /// Masks of instances by small networks whose weights are an input: see ``DynamicMaskHead``.
    ///
    /// Three fused products per pixel with weights and hidden channels in registers and the
    /// first-level cache; the networks' inputs are never built as a map. Cost: instances · pixels ·
    /// weights multiply-adds.
    /// - Parameters:
    ///   - features: `[batch, height, width, channels]`, at most 64 channels.
    ///   - parameters: `[instances, count]`: the layers' weights, each `[out, in]`, then their biases.
    ///   - samples: the sample of each instance.
    ///   - coordinates: the instances' centres `[instances, 2]`, x and y, their sizes `[instances]`, and
    ///     the step of the features' pixels in the same units; nil: the features alone are inputs.
    ///   - hiddenChannels: of the hidden layers, 1...64.
    ///   - layers: 2...8.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[instances, height, width, 1]`.
    /// - Throws: ``ProteanError`` when a tensor or an option does not fit.
    public static func maskHead(
        _ features: Tensor, parameters: Tensor, samples: [Int],
        coordinates: (locations: Tensor, sizes: Tensor, stride: Int)?, hiddenChannels: Int = 8,
        layers: Int = 3, layer: String = "maskHead"
    ) throws(ProteanError) -> Tensor {
        try checkMap(features, layer: layer)
        let most = Int(PTN_MASK_HEAD_MOST_CHANNELS)
        try checkOption(hiddenChannels, "hiddenChannels", in: 1...most, layer: layer)
        try checkOption(
            layers, "layers", in: 2...Int(PTN_MASK_HEAD_MOST_LAYERS), layer: layer)
        guard features.shape[3] <= most else {
            throw .shapeMismatch(
                layer: layer, tensor: "features", expected: "at most \(most) channels",
                found: features.shape)
        }
        var shape = ptn_mask_head_shape()
        shape.n = features.shape[0]
        shape.h = features.shape[1]
        shape.w = features.shape[2]
        shape.c = features.shape[3]
        shape.instances = samples.count
        shape.channels = hiddenChannels
        shape.layers = layers
        shape.coordinates = coordinates != nil
        shape.stride = coordinates?.stride ?? 1
        try checkOption(shape.stride, "stride", in: 1...OptionLimits.length, layer: layer)
        let count = Int(ptn_mask_head_parameters(&shape))
        var expected = [("parameters", parameters, [samples.count, count])]
        if let coordinates {
            expected.append(("locations", coordinates.locations, [samples.count, 2]))
            expected.append(("sizes", coordinates.sizes, [samples.count]))
        }
        for (name, tensor, size) in expected where tensor.shape != size {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(size)", found: tensor.shape)
        }
        if let wrong = samples.first(where: { !(0..<features.shape[0]).contains($0) }) {
            throw .invalidOption(
                layer: layer, option: "samples", expected: "numbers below \(features.shape[0])",
                found: "\(wrong)")
        }
        let indices = samples.map(Int32.init)
        let inputs =
            [features, parameters] + (coordinates.map { [$0.locations, $0.sizes] } ?? [])
        return try filling(
            [samples.count, features.shape[1], features.shape[2], 1], for: layer, from: inputs
        ) { runtime, inputs, y in
            withUnsafePointer(to: shape) { shape in
                ptn_mask_head(
                    runtime, shape, inputs[0], inputs[1], indices,
                    inputs.count > 2 ? inputs[2] : nil, inputs.count > 2 ? inputs[3] : nil, y)
            }
        }
    }

    /// Maps of one channel enlarged by a whole factor, so that pixel i of the input lies at pixel
    /// factor · i + ⌊factor / 2⌋ of the result: linear interpolation between neighbours, the edge
    /// repeated beyond; `aligned_bilinear` of AdelaiDet.
    ///
    /// Cost: one read and factor² writes per pixel.
    /// - Throws: ``ProteanError`` unless `x` is `[batch, height, width, 1]` and the factor in 1...64.
    public static func alignedBilinear(
        _ x: Tensor, factor: Int, layer: String = "alignedBilinear"
    ) throws(ProteanError) -> Tensor {
        try checkOption(factor, "factor", in: 1...64, layer: layer)
        guard x.rank == 4, x.shape[3] == 1 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "[batch, height, width, 1]", found: x.shape)
        }
        if factor == 1 { return x }
        let (rows, tall) = x.shape[1].multipliedReportingOverflow(by: factor)
        let (columns, wide) = x.shape[2].multipliedReportingOverflow(by: factor)
        guard !tall, !wide else { throw .sizeOverflow(layer: layer, what: "the enlarged map") }
        return try filling(
            [x.shape[0], rows, columns, 1], for: layer, from: [x]
        ) { runtime, inputs, y in
            ptn_mask_enlarge(runtime, x.shape[0], x.shape[1], x.shape[2], factor, inputs[0], y)
        }
    }
}
