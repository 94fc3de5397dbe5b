import CProteanKernels

extension Operations {
    /// The region of every pixel, from a guide: a map of region numbers, or a map of logits with one
    /// channel per region, of which the largest decides; of equal ones the first.
    ///
    /// A guide of another size is resampled to `size` by nearest neighbours (PyTorch's `nearest`),
    /// after the decision. Cost: two reads of the logits.
    /// - Parameters:
    ///   - guide: `[batch, height, width, 1]` or `[batch, height, width, regions]`.
    ///   - regions: number of regions.
    ///   - size: of the result; nil for the guide's.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, size.height, size.width, 1]`, numbers from 0; those of a map are not
    ///   checked, see ``RegionPlan``.
    /// - Throws: ``ProteanError`` when the guide has another number of channels or no pixels.
    public static func regionMap(
        _ guide: Tensor, regions: Int, size: Size2d? = nil, layer: String = "regionMap"
    ) throws(ProteanError) -> Tensor {
        guard guide.rank == 4, guide.shape[3] == regions || guide.shape[3] == 1,
            guide.shape[1] > 0, guide.shape[2] > 0
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "guide",
                expected: "[batch, height, width, 1 or \(regions)]", found: guide.shape)
        }
        let map =
            guide.shape[3] == regions ? try argMax(guide, axis: 3, keepDimensions: true) : guide
        guard let size, size.height != map.shape[1] || size.width != map.shape[2] else {
            return map
        }
        return try resize(map, to: size, mode: .nearest)
    }

    /// activation(gate · conv(x, weights of the pixel's region) + bias + residual): every output
    /// pixel is computed with the weights of its region, `Σ_s mixing[b, region, s] · bank_s`.
    ///
    /// Chen et al., "Dynamic Region-Aware Convolution", arXiv 2003.12243. Cost: the convolution, and
    /// for each region that has pixels sets · weights multiply-adds for mixing; and packing.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - regions: the plan of the *output's* region map.
    ///   - bank: `[sets, out, in, height, width]`.
    ///   - mixing: `[batch, regions, sets]`.
    ///   - bias: `[out]`, or nil.
    ///   - geometry: the convolution's options; one group, computed by the defining sums.
    ///   - epilogue: operations applied to the sums before they are stored.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', out]`.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func regionConv2d(
        _ x: Tensor, regions: RegionPlan, bank: Tensor, mixing: Tensor, bias: Tensor? = nil,
        geometry: Conv2dGeometry, epilogue: Conv2dEpilogue = Conv2dEpilogue(),
        layer: String = "regionConv2d"
    ) throws(ProteanError) -> Tensor {
        let sets = bank.shape.first ?? 0
        guard bank.shape == [sets] + geometry.weightShape else {
            throw .shapeMismatch(
                layer: layer, tensor: "bank", expected: "[sets] + \(geometry.weightShape)",
                found: bank.shape)
        }
        guard bias == nil || bias?.shape == [geometry.outputChannels] else {
            throw .shapeMismatch(
                layer: layer, tensor: "bias", expected: "[\(geometry.outputChannels)]",
                found: bias?.shape ?? [])
        }
        if bank.isShapeOnly || bias?.isShapeOnly == true {
            return try regionShape(x, regions, geometry, epilogue, layer: layer)
        }
        let packed = try PackedPanels(regionBank: bank, geometry: geometry, layer: layer)
        return try regionConv2d(
            x, regions: regions, weights: .mixed(bank: packed, sets: sets, mixing: mixing),
            bias: bias, geometry: geometry, epilogue: epilogue, layer: layer)
    }

    /// Where the weights of regions come from.
    enum RegionWeights {
        /// `mixing` is `[batch, regions, sets]`.
        case mixed(bank: PackedPanels, sets: Int, mixing: Tensor)
        /// `[batch, regions · out · in, height, width]` in any shape, packed in the call.
        case filters(Tensor)

        var tensor: Tensor {
            switch self {
            case .mixed(_, _, let mixing): mixing
            case .filters(let filters): filters
            }
        }
    }

    static func regionConv2d(
        _ x: Tensor, regions: RegionPlan, weights: RegionWeights, bias: Tensor?,
        geometry: Conv2dGeometry, epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        let output = try regionShape(x, regions, geometry, epilogue, layer: layer)
        try weights.check(batch: x.shape[0], regions.regions, geometry, layer: layer)
        guard let input = x.storage, let given = weights.tensor.storage else { return output }
        var runtime = try Runtime.current()
        var shape = try geometry.kernelShape(for: x.shape, layer: layer)
        var kernelEpilogue = epilogue.kernelValue(bias: bias?.storage?.base)
        let y = try Tensor(uninitialized: output.shape, for: layer)
        guard let result = y.storage else { return y }
        var source = ptn_region_weights()
        source.regions = regions.regions
        switch weights {
        case .mixed(let bank, let sets, _):
            source.sets = sets
            source.bank = UnsafePointer(bank.base)
            source.mixing = UnsafePointer(given.base)
        case .filters:
            source.filters = UnsafePointer(given.base)
        }
        let status = withExtendedLifetime((x, weights, bias, epilogue, given, input)) {
            regions.list.withUnsafeBufferPointer { list in
                regions.offsets.withUnsafeBufferPointer { offsets in
                    source.list = list.baseAddress
                    source.offsets = UnsafeRawPointer(offsets.baseAddress)?
                        .assumingMemoryBound(to: Int.self)
                    return ptn_region_conv2d(
                        &runtime, &shape, &source, input.base, &kernelEpilogue, result.base)
                }
            }
        }
        try status.check(layer)
        return y
    }

    private static func regionShape(
        _ x: Tensor, _ regions: RegionPlan, _ geometry: Conv2dGeometry,
        _ epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        guard geometry.groups == 1 else {
            throw .invalidOption(
                layer: layer, option: "groups", expected: "1", found: "\(geometry.groups)")
        }
        let size = try geometry.outputSize(
            try geometry.kernelShape(for: x.shape, layer: layer), layer: layer)
        guard regions.batch == x.shape[0], regions.size == size else {
            throw .shapeMismatch(
                layer: layer, tensor: "guide",
                expected: "[\(x.shape[0]), \(size.height), \(size.width), 1]",
                found: [regions.batch, regions.size.height, regions.size.width, 1])
        }
        let output = [x.shape[0], size.height, size.width, geometry.outputChannels]
        try epilogue.check(output: output, layer: layer)
        return try Tensor(shapeOnly: output)
    }
}

extension Operations.RegionWeights {
    fileprivate func check(
        batch: Int, _ regions: Int, _ geometry: Conv2dGeometry, layer: String
    ) throws(ProteanError) {
        switch self {
        case .mixed(_, let sets, let mixing):
            guard mixing.shape == [batch, regions, sets] else {
                throw .shapeMismatch(
                    layer: layer, tensor: "mixing", expected: "[\(batch), \(regions), \(sets)]",
                    found: mixing.shape)
            }
        case .filters(let filters):
            let one = geometry.weightShape.reduce(1, *)
            guard filters.count == batch * regions * one else {
                throw .shapeMismatch(
                    layer: layer, tensor: "filters",
                    expected: "[\(batch), \(regions)] + \(geometry.weightShape)",
                    found: filters.shape)
            }
        }
    }
}

extension PackedPanels {
    /// The packed sets of a bank `[sets, out, in, height, width]` for the current instruction set.
    convenience init(
        regionBank bank: Tensor, geometry: Conv2dGeometry, layer: String
    ) throws(ProteanError) {
        guard let storage = bank.storage else { throw .noValues(layer: layer) }
        let isa = try Runtime.isa().kernelValue
        var shape = try geometry.kernelShape(for: [0, 1, 1, geometry.inputChannels], layer: layer)
        var floats = 0
        try ptn_region_conv2d_floats(isa, &shape, &floats).check(layer)
        let one = geometry.weightShape.reduce(1, *)
        try self.init(floats: floats, sets: bank.shape.first ?? 0, layer: layer) { set, place in
            withExtendedLifetime(storage) {
                ptn_region_conv2d_pack(isa, &shape, storage.base + set * one, place)
            }
        }
    }
}
