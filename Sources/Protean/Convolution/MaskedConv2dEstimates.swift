/// Estimated cycles of every algorithm.
struct MaskedConv2dEstimates {
    /// In the kernel's order: pixels, tiles of 4 x 4, of 6 x 6, dense.
    let cycles: (Double, Double, Double, Double)

    /// 0 if no pixel is active, infinite for an algorithm that does not apply.
    subscript(way: MaskedConv2dPlan.Way) -> Double {
        switch way {
        case .pixels: cycles.0
        case .tiles4x4: cycles.1
        case .tiles6x6: cycles.2
        case .dense: cycles.3
        }
    }

    /// The faster of Winograd's two forms. The less exact form is chosen only if it is faster by a
    /// margin, as on whole maps.
    var tiles: MaskedConv2dPlan.Way {
        1.03 * self[.tiles6x6] < self[.tiles4x4] ? .tiles6x6 : .tiles4x4
    }

    /// Tiles or pixels. Tiles never cost more than the whole map, so pixels are chosen only if they
    /// are faster by a margin.
    private var sparse: MaskedConv2dPlan.Way {
        self[tiles] < 1.05 * self[.pixels] ? tiles : .pixels
    }

    /// The fastest algorithm if the input is restricted to the active pixels of a plan. The
    /// estimates are those of maps; direct sums of compact rows take less, so tiles are chosen only
    /// if they are faster by a large margin.
    var fastestOfRows: MaskedConv2dPlan.Way {
        self[tiles] < 0.8 * self[.pixels] ? tiles : .pixels
    }

    /// The fastest algorithm. If nearly all pixels are active the estimates of tiles and of the
    /// whole map are equal, and the whole map is preferred.
    var fastest: MaskedConv2dPlan.Way {
        self[.dense] < 1.05 * self[sparse] ? .dense : sparse
    }

    /// The fastest algorithm that writes into an existing map. The dense one is excluded: it would
    /// allocate a second map, and tiles cost no more.
    var fastestInPlace: MaskedConv2dPlan.Way {
        self[tiles] == .infinity && self[.dense] < self[.pixels] ? .dense : sparse
    }

    /// Cycles of all algorithms that apply.
    var byWay: [MaskedConv2dPlan.Way: Double] {
        var found: [MaskedConv2dPlan.Way: Double] = [:]
        for way in MaskedConv2dPlan.Way.allCases where self[way] < .infinity {
            found[way] = self[way]
        }
        return found
    }
}
