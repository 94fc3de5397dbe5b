import CProteanKernels

/// The displacements of a deformable convolution's taps, and the factors of their samples.
struct Displacements {
    /// `[batch, height', width', groups · 2 · taps]`: (y, x) per tap. With `fused`, the offsets of
    /// all groups and then `groups · taps` logits of the modulation.
    var offset: Tensor
    /// `[batch, height', width', groups · taps]`; nil for none, or with `fused`.
    var mask: Tensor?
    /// Whether offsets and logits of the modulation are in one tensor.
    var fused = false
    /// Whether all outputs share one set of offsets, `[groups · 2 · taps]`.
    var shared = false

    var inputs: [Tensor] { [offset] + (mask.map { [$0] } ?? []) }

    /// Channels per tap and group of offsets.
    private var width: Int { fused ? 3 : 2 }

    /// The number of groups of offsets, from the number of channels as in the reference.
    func groups(
        taps: Int, channels: Int, output: [Int], layer: String
    ) throws(ProteanError) -> Int {
        let found = offset.shape, map = shared ? [] : Array(output.dropLast())
        let per = width * taps, given = found.last ?? 0
        let groups = given / per
        guard Array(found.dropLast()) == map, groups > 0, given % per == 0, channels % groups == 0
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "offset",
                expected: "\(map) and groups · \(per) channels, where groups divides \(channels)",
                found: found)
        }
        // The factors are those of every output pixel, even where offsets are shared.
        let factors = Array(output.dropLast()) + [groups * taps]
        if let mask, mask.shape != factors {
            throw .shapeMismatch(
                layer: layer, tensor: "mask", expected: "\(factors)", found: mask.shape)
        }
        return groups
    }
}

extension Operations {
    /// The deformable convolution on packed weights.
    static func deformConv2d(
        _ x: Tensor, _ packed: PackedDeformableConv2d, at displacements: Displacements,
        epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        let geometry = packed.geometry
        let output = try deformShape(x, geometry, displacements, epilogue, layer: layer).shape
        guard !x.isShapeOnly, !displacements.inputs.contains(where: \.isShapeOnly) else {
            return try Tensor(shapeOnly: output)
        }
        let taps = geometry.kernelSize.height * geometry.kernelSize.width
        let groups = try displacements.groups(
            taps: taps, channels: geometry.inputChannels, output: output, layer: layer)
        var shape = ptn_deform_conv2d_shape()
        shape.conv = try geometry.kernelShape(for: x.shape, layer: layer)
        shape.offset_groups = groups
        shape.offset_is_shared = displacements.shared
        if displacements.fused {
            shape.offset_step = 3 * groups * taps
            shape.mask_step = shape.offset_step
            shape.mask_is_logit = true
        }
        let plan = try deformPlan(shape, layer: layer)
        var runtime = try Runtime.current()
        let y = try Tensor(uninitialized: output, for: layer)
        var kernelEpilogue = epilogue.kernelValue(bias: packed.bias?.storage?.base)
        let status = withExtendedLifetime((x, displacements, packed, epilogue)) {
            let offset = displacements.offset.storage!.base
            let mask =
                displacements.fused
                ? offset + 2 * groups * taps : displacements.mask?.storage?.base
            return ptn_deform_conv2d(
                &runtime, &shape, x.storage!.base, offset, mask, packed.weights, &kernelEpilogue,
                y.storage!.base)
        }
        try status.check(layer, bytes: Int(plan.scratch_bytes))
        return y
    }

    /// The result's shape; throws if a tensor does not fit.
    static func deformShape(
        _ x: Tensor, _ geometry: Conv2dGeometry, _ displacements: Displacements,
        _ epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        let dense = try geometry.kernelPlan(
            try geometry.kernelShape(for: x.shape, layer: layer), layer: layer)
        let output = [x.shape[0], Int(dense.out_h), Int(dense.out_w), geometry.outputChannels]
        try epilogue.check(output: output, layer: layer)
        _ = try displacements.groups(
            taps: geometry.kernelSize.height * geometry.kernelSize.width,
            channels: geometry.inputChannels, output: output, layer: layer)
        return try Tensor(shapeOnly: output)
    }

    private static func deformPlan(
        _ shape: ptn_deform_conv2d_shape, layer: String
    ) throws(ProteanError) -> ptn_deform_conv2d_plan {
        var plan = ptn_deform_conv2d_plan()
        var runtime = try Runtime.current()
        var shape = shape
        try ptn_deform_conv2d_plan_for(&runtime, &shape, &plan).check(layer)
        return plan
    }
}
