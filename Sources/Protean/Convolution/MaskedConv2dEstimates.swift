/// Estimated cycles of every way.
struct MaskedConv2dEstimates {
    /// As the kernel orders them: pixels, tiles of 4 x 4, of 6 x 6, dense.
    let cycles: (Double, Double, Double, Double)

    /// 0 where there is nothing to do, infinite for a way that does not apply.
    subscript(way: MaskedConv2dPlan.Way) -> Double {
        switch way {
        case .pixels: cycles.0
        case .tiles4x4: cycles.1
        case .tiles6x6: cycles.2
        case .dense: cycles.3
        }
    }

    /// The faster of Winograd's two forms. The less exact one must gain something, as on whole maps.
    var tiles: MaskedConv2dPlan.Way {
        1.03 * self[.tiles6x6] < self[.tiles4x4] ? .tiles6x6 : .tiles4x4
    }

    /// Tiles or pixels. Tiles never cost more than the whole map, so pixels must promise something.
    private var sparse: MaskedConv2dPlan.Way {
        self[tiles] < 1.05 * self[.pixels] ? tiles : .pixels
    }

    /// The fastest way where only some input pixels count. Defining sums of rows, which lie close
    /// together, take less than those of a map, which the estimates are of: tiles have to promise much.
    var fastestOfRows: MaskedConv2dPlan.Way {
        self[tiles] < 0.8 * self[.pixels] ? tiles : .pixels
    }

    /// The fastest way. Where nearly all is active the estimates of tiles and of the whole map are the
    /// same, and the whole map is preferred.
    var fastest: MaskedConv2dPlan.Way {
        self[.dense] < 1.05 * self[sparse] ? .dense : sparse
    }

    /// The fastest way to write into a map that is there. Tiles cost no more than the whole map, which
    /// would be a second one.
    var fastestInPlace: MaskedConv2dPlan.Way {
        self[tiles] == .infinity && self[.dense] < self[.pixels] ? .dense : sparse
    }

    /// Cycles of all ways that apply.
    var byWay: [MaskedConv2dPlan.Way: Double] {
        var found: [MaskedConv2dPlan.Way: Double] = [:]
        for way in MaskedConv2dPlan.Way.allCases where self[way] < .infinity {
            found[way] = self[way]
        }
        return found
    }
}
