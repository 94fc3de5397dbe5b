import CProteanKernels

extension Operations {
    /// The active pixels of a map as compact rows: `[active pixels, channels]` from
    /// `[batch, height, width, channels]`, in the mask's order.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func gather(_ map: Tensor, at mask: MaskPlan) throws(ProteanError) -> Tensor {
        let channels = try channels(of: map, at: mask, "gather")
        return try filling([mask.count, channels], for: "gather", from: [map]) { runtime, x, y in
            withExtendedLifetime(mask) {
                ptn_mask_gather(runtime, mask.kernelPlan, channels, x[0], y)
            }
        }
    }

    /// The active pixels of several maps as compact rows, side by side:
    /// `[active pixels, channels of all maps]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    static func gather(_ maps: [Tensor], at mask: MaskPlan) throws(ProteanError) -> Tensor {
        var each: [Int] = []
        for map in maps { each.append(try channels(of: map, at: mask, "gather")) }
        let shape = [mask.count, each.reduce(0, +)]
        return try filling(shape, for: "gather", from: maps) { runtime, x, y in
            let bases = x.map { Optional($0) }
            return withExtendedLifetime(mask) {
                ptn_mask_gather_maps(runtime, mask.kernelPlan, bases.count, each, bases, y)
            }
        }
    }

    /// `target` with the first channels of the active pixels replaced by those of `source`, as many as both
    /// maps have, as a new map.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func replacingFirstChannels(
        of target: Tensor, by source: Tensor, at mask: MaskPlan
    ) throws(ProteanError) -> Tensor {
        if source.isShapeOnly {
            _ = try channels(of: source, at: mask, "replacingFirstChannels")
            _ = try channels(of: target, at: mask, "replacingFirstChannels")
            return try Tensor(shapeOnly: target.shape)
        }
        var result = target
        try copyFirstChannels(of: source, into: &result, at: mask)
        return result
    }

    /// Copies the first channels of the active pixels of `source` into `target`, as many as both
    /// maps have; in place where there is no other reference to it.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    static func copyFirstChannels(
        of source: Tensor, into target: inout Tensor, at mask: MaskPlan
    ) throws(ProteanError) {
        let from = try channels(of: source, at: mask, "copyFirstChannels")
        let to = try channels(of: target, at: mask, "copyFirstChannels")
        if source.isShapeOnly || target.isShapeOnly { return }
        let memory = try target.uniqueBase()
        var runtime = try Runtime.current()
        let status = withExtendedLifetime((source, mask)) {
            ptn_mask_copy_channels(
                &runtime, mask.kernelPlan, from, source.storage!.base, to, memory)
        }
        try status.check("copyFirstChannels")
    }

    /// `map` with its active pixels replaced by `rows`, `[active pixels, channels]`; in place where
    /// there is no other reference to the map.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func scatter(
        _ rows: Tensor, at mask: MaskPlan, into map: consuming Tensor
    ) throws(ProteanError) -> Tensor {
        let channels = try channels(of: map, at: mask, "scatter")
        guard rows.shape == [mask.count, channels] else {
            throw .shapeMismatch(
                layer: "scatter", tensor: "rows", expected: "\([mask.count, channels])",
                found: rows.shape)
        }
        if rows.isShapeOnly || map.isShapeOnly { return try Tensor(shapeOnly: map.shape) }
        var result = map
        let base = try result.uniqueBase()
        var runtime = try Runtime.current()
        let status = withExtendedLifetime((rows, mask)) {
            ptn_mask_scatter(&runtime, mask.kernelPlan, channels, rows.storage!.base, base)
        }
        try status.check("scatter")
        return result
    }

    /// `map` with the pixels where `mask` is not active replaced by those of `base`, or by 0.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func replacingInactive(
        _ map: consuming Tensor, of mask: MaskPlan, by base: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let channels = try channels(of: map, at: mask, "replacingInactive")
        if let base, base.shape != map.shape {
            throw .shapeMismatch(
                layer: "replacingInactive", tensor: "base", expected: "\(map.shape)",
                found: base.shape)
        }
        if map.isShapeOnly || base?.isShapeOnly == true { return try Tensor(shapeOnly: map.shape) }
        var result = map
        let memory = try result.uniqueBase()
        var runtime = try Runtime.current()
        let status = withExtendedLifetime((base, mask)) {
            ptn_mask_fill_inactive(
                &runtime, mask.kernelPlan, channels, base?.storage?.base, memory)
        }
        try status.check("replacingInactive")
        return result
    }

    private static func channels(
        of map: Tensor, at mask: MaskPlan, _ layer: String
    ) throws(ProteanError) -> Int {
        let pixels = [mask.batch, mask.size.height, mask.size.width]
        guard map.rank == 4, Array(map.shape.prefix(3)) == pixels else {
            throw .shapeMismatch(
                layer: layer, tensor: "map", expected: "\(pixels) and channels", found: map.shape)
        }
        return map.shape[3]
    }
}
