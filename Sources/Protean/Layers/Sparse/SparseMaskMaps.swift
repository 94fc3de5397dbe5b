/// Features of sparse mask convolutions as maps, and the estimate of when maps are faster than
/// rows.
///
/// Where the mask is on, all channels are one convolution of all channels of the previous layer,
/// whose sparse channels are 0 where the mask is off. Where it is off, the dense channels are a
/// convolution of the dense channels. Each runs on the tiles that hold one of its pixels.
struct SparseMaskMaps {
    /// All channels, the dense ones first; valid where `valid` is active, or everywhere if it is
    /// nil.
    var all: Tensor
    var valid: MaskPlan?
    /// The dense channels everywhere; nil where there are none.
    var dense: Tensor?

    /// All channels everywhere: where `valid` is off, the dense ones and zeros.
    func completed() throws(ProteanError) -> Tensor {
        guard let valid else { return all }
        var whole = try Operations.replacingInactive(all, of: valid)
        if let dense {
            try Operations.copyFirstChannels(of: dense, into: &whole, at: try valid.inverted())
        }
        return whole
    }
}

extension SparseMaskConvolutions {
    /// Cycles of copying 64 bytes.
    private static let lineCycles = 4.0

    /// Whether maps are estimated to be faster than rows for a mask on features of shape `shape`;
    /// `knowsFirst` says that the first layer's dense channels are already computed.
    func prefersMaps(
        for shape: [Int], mask: MaskPlan, knowsFirst: Bool
    ) throws(ProteanError) -> Bool {
        let isSparse = layers.contains { $0.sparse > 0 }
        guard isSparse, mask.count > 0, collectAll != nil,
            layers.allSatisfy({ $0.all != nil })
        else { return false }
        let others = try mask.inverted(), everywhere = try mask.union(others)
        var maps = 0.0, rows = 0.0, inputs = (dense: shape[3], all: shape[3])
        let areEqual = Set(layers.map { $0.dense + $0.sparse }).count == 1
        for (i, layer) in layers.enumerated() {
            let isKnown = i == 0 && knowsFirst
            let outputs = layer.dense + layer.sparse
            let dense = Array(shape.prefix(3)) + [inputs.dense]
            let sparse = Array(shape.prefix(3)) + [inputs.all - inputs.dense]
            maps += try layer.mapCycles(
                for: Array(shape.prefix(3)) + [inputs.all], dense: dense, mask, isKnown)
            // Rows of all layers are copied side by side for the last convolution; maps are read in
            // place.
            let lines = Self.lineCycles * Double(2 * mask.count) / 16
            rows += lines * Double(layer.sparse)
            maps += areEqual ? 0 : lines * Double(outputs)
            rows += try layer.rowCycles(
                dense: dense, sparse: sparse, mask, isKnown ? nil : everywhere)
            inputs = (layer.dense, outputs)
        }
        return maps < rows
    }

    /// The last convolution: of all channels where the mask is on, of the dense channels elsewhere.
    func collected(
        _ maps: [Tensor], dense: [Tensor], _ mask: MaskPlan
    ) throws(ProteanError) -> Tensor {
        guard let collectAll, let first = maps.first else {
            return try collected(dense: dense, mask)
        }
        let others = try mask.inverted()
        return try traced(
            "MaskedConv2d", path: collectAll.conv.label, input: first,
            shape: try Operations.concatenatedShape(maps, 3), mask: mask,
            cost: { _ in cost(ofCollecting: mask, others.count) }
        ) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                guard let collectAside, !first.isShapeOnly else {
                    var y = try collected(dense: dense, mask)
                    try collectAll.update(&y, concatenating: maps, mask: mask)
                    return y
                }
                var y = try Tensor(uninitialized: resultShape(mask))
                try collectAll.update(&y, concatenating: maps, mask: mask)
                try collectAside.update(&y, concatenating: dense, mask: others)
                return y
            }
        }
    }

    /// The last convolution of dense channels at all pixels, with the bias.
    func collected(
        dense: [Tensor], _ mask: MaskPlan
    ) throws(ProteanError) -> Tensor {
        if let collectDense { return try collectDense(concatenating: dense) }
        let zeros = try Tensor(zeros: resultShape(mask))
        guard let bias else { return zeros }
        return try Operations.add(zeros, bias)
    }

    private func resultShape(_ mask: MaskPlan) -> [Int] {
        [mask.batch, mask.size.height, mask.size.width, channels]
    }

    private func cost(ofCollecting mask: MaskPlan, _ others: Int) -> Cost {
        guard let all = collectAll?.conv else { return Cost() }
        let aside = collectAside?.conv.weight.count ?? 0
        return Cost(
            multiplyAdds: mask.pixelCount * all.weight.count,
            executedMultiplyAdds: mask.count * all.weight.count + others * aside,
            parameters: all.weight.count + (all.bias?.count ?? 0))
    }
}

extension SparseMaskConvolutions.Layer {
    /// The layer's maps from those of the previous layer, valid where `mask` is active.
    func mapOutputs(
        _ inputs: SparseMaskMaps, _ mask: MaskPlan
    ) throws(ProteanError) -> SparseMaskMaps {
        guard let all else { return inputs }
        var first: Tensor?
        var cost = Cost()
        let y = try traced(
            "MaskedConv2d", path: all.conv.label, input: inputs.all, mask: mask,
            cost: { _ in cost }
        ) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                let together = try together(for: inputs.all.shape, mask)
                let found = try active(all, inputs, together)
                cost = found.cost
                if self.dense > 0 {
                    var alone = try denseAlone(inputs, together.inverted())
                    cost.executedMultiplyAdds += alone.executed
                    try Operations.copyFirstChannels(
                        of: found.map, into: &alone.map, at: together)
                    first = alone.map
                }
                return found.map
            }
        }
        return SparseMaskMaps(all: y, valid: mask, dense: first)
    }

    /// The same for a first layer whose dense channels are already computed at all pixels of the
    /// input `x`.
    func mapOutputs(
        of x: Tensor, _ mask: MaskPlan, known dense: Tensor
    ) throws(ProteanError) -> SparseMaskMaps {
        guard let denseToSparse else { return SparseMaskMaps(all: dense, valid: nil, dense: dense) }
        var cost = Cost()
        let y = try traced(
            "MaskedConv2d", path: denseToSparse.conv.label, input: x, mask: mask,
            cost: { _ in cost }
        ) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                let shape = Array(x.shape.prefix(3)) + [self.dense + sparse]
                var y =
                    x.isShapeOnly
                    ? try Tensor(shapeOnly: shape) : try Tensor(uninitialized: shape)
                cost = try denseToSparse.update(
                    channelsFrom: self.dense, of: &y, with: x, mask: mask)
                try Operations.copyFirstChannels(of: dense, into: &y, at: mask)
                return y
            }
        }
        return SparseMaskMaps(all: y, valid: mask, dense: dense)
    }

    /// All channels where `together` is active. Winograd's algorithm on tiles reads both input maps
    /// in place; the direct algorithm needs them merged into one map.
    private func active(
        _ conv: FusedMaskedConv2d, _ inputs: SparseMaskMaps, _ together: MaskPlan
    ) throws(ProteanError) -> (map: Tensor, cost: Cost) {
        guard let valid = inputs.valid else { return try conv.active(inputs.all, mask: together) }
        guard let rest = inputs.dense else {
            return try conv.active(inputs.all, from: .activeMap(valid), mask: together)
        }
        guard try conv.hasTiles(for: inputs.all.shape, mask: together) else {
            return try conv.active(inputs.completed(), mask: together)
        }
        return try conv.active(
            inputs.all, from: .activeMap(valid), rest: rest, mask: together)
    }

    /// The pixels whose dense channels are valid after all channels are computed together: the
    /// mask's and, if no input channel is sparse, all others that the same tiles compute.
    private func together(
        for shape: [Int], _ mask: MaskPlan
    ) throws(ProteanError) -> MaskPlan {
        guard sparseToDense == nil, sparseToSparse == nil, let all, dense > 0 else { return mask }
        return try all.computed(for: shape, mask: mask)
    }

    /// Dense channels at the pixels `others`; undefined elsewhere.
    private func denseAlone(
        _ inputs: SparseMaskMaps, _ others: MaskPlan
    ) throws(ProteanError) -> (map: Tensor, executed: Int) {
        guard let aside, let dense = inputs.dense else {
            return (try Tensor(zeros: Array(inputs.all.shape.prefix(3)) + [self.dense]), 0)
        }
        let found = try aside.active(dense, mask: others)
        return (found.map, found.cost.executedMultiplyAdds)
    }

    /// Estimated cycles of ``mapOutputs(_:_:)``, or of its form for known dense channels.
    func mapCycles(
        for shape: [Int], dense: [Int], _ mask: MaskPlan, _ isKnown: Bool
    ) throws(ProteanError) -> Double {
        if isKnown { return try denseToSparse?.estimatedCycles(for: shape, mask: mask) ?? 0 }
        var cycles = 0.0
        if let all { cycles += try all.estimatedCycles(for: shape, mask: mask) }
        if let aside {
            let others = try together(for: shape, mask).inverted()
            cycles += try aside.estimatedCycles(for: dense, mask: others)
        }
        return cycles
    }

    /// Estimated cycles of computing dense channels at `everywhere`, nil if they are already
    /// computed, and of the sparse channels as rows.
    func rowCycles(
        dense: [Int], sparse: [Int], _ mask: MaskPlan, _ everywhere: MaskPlan?
    ) throws(ProteanError) -> Double {
        var cycles = 0.0
        if let aside, let everywhere {
            cycles += try aside.estimatedCycles(for: dense, mask: everywhere)
        }
        if let denseToSparse {
            cycles += try denseToSparse.estimatedCycles(for: dense, mask: mask)
        }
        for conv in [sparseToDense, sparseToSparse] {
            guard let conv else { continue }
            cycles += try conv.estimatedCycles(for: sparse, mask: mask, fromRows: true)
        }
        return cycles
    }
}
