/// Features of sparse mask convolutions as maps, and when they pay.
///
/// Where the mask is on, all channels together are one convolution of all channels of the layer before,
/// whose sparse ones are 0 where it is off. There, dense channels are a convolution of dense channels.
/// Both run on tiles that hold a pixel of theirs.
extension SparseMaskConvolutions {
    /// Cycles of copying 64 bytes.
    private static let lineCycles = 4.0

    /// Whether maps are estimated to be faster than rows for a mask on features of shape `shape`.
    func prefersMaps(for shape: [Int], mask: MaskPlan) throws(ProteanError) -> Bool {
        let isSparse = layers.contains { $0.sparse > 0 }
        guard isSparse, mask.count > 0, collectAll != nil,
            layers.allSatisfy({ $0.all != nil }), try Runtime.exactness() == .fast
        else { return false }
        let others = try mask.inverted(), everywhere = try mask.union(others)
        var maps = 0.0, rows = 0.0, inputs = (dense: shape[3], all: shape[3])
        for layer in layers {
            let outputs = layer.dense + layer.sparse
            let dense = Array(shape.prefix(3)) + [inputs.dense]
            let sparse = Array(shape.prefix(3)) + [inputs.all - inputs.dense]
            maps += try layer.mapCycles(
                for: Array(shape.prefix(3)) + [inputs.all], dense: dense, mask, others)
            // A map's inactive pixels are cleared, its active ones collected.
            let floats = (others.count + 2 * mask.count) * outputs
            maps += Self.lineCycles * Double(floats) / 16
            rows += try layer.rowCycles(dense: dense, sparse: sparse, mask, everywhere)
            inputs = (layer.dense, outputs)
        }
        return maps < rows
    }

    /// Writes the result of the last convolution where the mask is on.
    func collect(
        _ maps: [Tensor], into y: inout Tensor, _ mask: MaskPlan
    ) throws(ProteanError) {
        guard let collectAll else { return }
        let rows = try Operations.gather(maps, at: mask)
        // The dense channels' part of the whole is counted by the convolution that computes it.
        let inputs = layers.reduce((dense: 0, sparse: 0)) {
            ($0.dense + $1.dense, $0.sparse + $1.sparse)
        }
        let outputs = collectAll.conv.geometry.outputChannels
        let cost = Cost(
            multiplyAdds: mask.pixelCount * inputs.sparse * outputs,
            executedMultiplyAdds: mask.count * (inputs.dense + inputs.sparse) * outputs,
            parameters: inputs.sparse * outputs)
        var result = y
        y = try Tensor(shapeOnly: y.shape)
        defer { y = result }
        _ = try traced(
            "MaskedConv2d", path: collectAll.conv.label, input: rows, mask: mask,
            cost: { _ in cost }
        ) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                try collectAll.update(&result, with: rows, from: .rows(mask), mask: mask)
            }
            return try Tensor(shapeOnly: result.shape)
        }
    }
}

extension SparseMaskConvolutions.Layer {
    /// All channels, the dense ones first, whose sparse ones are 0 where `mask` is off; and the dense ones
    /// alone, nil where there are none. `others` are the pixels where `mask` is off.
    func mapOutputs(
        _ map: Tensor, _ dense: Tensor?, _ mask: MaskPlan, _ others: MaskPlan
    ) throws(ProteanError) -> (map: Tensor, dense: Tensor?) {
        guard let all else { return (map, dense) }
        var first: Tensor?
        var cost = Cost()
        let y = try traced(
            "MaskedConv2d", path: all.conv.label, input: map, mask: mask, cost: { _ in cost }
        ) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                var found = try all.active(map, mask: mask)
                cost = found.cost
                if self.dense > 0 {
                    let alone = try denseAlone(dense, map.shape, others)
                    cost.executedMultiplyAdds += alone.executed
                    first = alone.map
                }
                try Operations.joinChannels(&first, &found.map, at: mask)
                return found.map
            }
        }
        return (y, first)
    }

    /// Dense channels where the mask is off; anything elsewhere.
    private func denseAlone(
        _ dense: Tensor?, _ shape: [Int], _ others: MaskPlan
    ) throws(ProteanError) -> (map: Tensor, executed: Int) {
        guard let aside, let dense else {
            return (try Tensor(zeros: Array(shape.prefix(3)) + [self.dense]), 0)
        }
        let found = try aside.active(dense, mask: others)
        return (found.map, found.cost.executedMultiplyAdds)
    }

    /// Estimated cycles of ``mapOutputs(_:_:_:_:)``.
    func mapCycles(
        for shape: [Int], dense: [Int], _ mask: MaskPlan, _ others: MaskPlan
    ) throws(ProteanError) -> Double {
        var cycles = 0.0
        if let all { cycles += try all.estimatedCycles(for: shape, mask: mask) }
        if let aside { cycles += try aside.estimatedCycles(for: dense, mask: others) }
        return cycles
    }

    /// Estimated cycles of computing dense channels everywhere and the others as rows.
    func rowCycles(
        dense: [Int], sparse: [Int], _ mask: MaskPlan, _ everywhere: MaskPlan
    ) throws(ProteanError) -> Double {
        var cycles = 0.0
        if let aside { cycles += try aside.estimatedCycles(for: dense, mask: everywhere) }
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
