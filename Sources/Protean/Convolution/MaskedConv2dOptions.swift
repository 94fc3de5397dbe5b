import CProteanKernels

/// The layout of a masked convolution's input in memory.
public enum MaskedInput: Sendable {
    /// A dense map `[batch, height, width, channels]` all of whose pixels are read.
    case map
    /// Compact rows `[active pixels, channels]` in the order of a plan's list. Other pixels are
    /// taken as zeros.
    case rows(MaskPlan)
    /// A dense map of which only a plan's active pixels are read. Other pixels are taken as zeros,
    /// whatever is stored there.
    case activeMap(MaskPlan)

    var plan: MaskPlan? {
        switch self {
        case .map: nil
        case .rows(let plan), .activeMap(let plan): plan
        }
    }

    /// The shape of `x` as a map.
    func mapShape(
        of x: Tensor, _ geometry: Conv2dGeometry, layer: String
    ) throws(ProteanError) -> [Int] {
        guard let plan else { return x.shape }
        let map = [plan.batch, plan.size.height, plan.size.width, geometry.inputChannels]
        var expected = map
        if case .rows = self { expected = [plan.count, geometry.inputChannels] }
        guard x.shape == expected else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "\(expected)", found: x.shape)
        }
        return map
    }

    var kernelValue: ptn_masked_layout {
        switch self {
        case .map: PTN_MASKED_MAP
        case .rows: PTN_MASKED_COMPACT
        case .activeMap: PTN_MASKED_ACTIVE_MAP
        }
    }
}

/// The values of a masked convolution's dense result where the mask is off.
public enum InactiveOutputs: Sendable {
    /// Zeros.
    case zeros
    /// The pixels of another map of the result's shape.
    case copy(of: Tensor)
}

/// The algorithms that a masked convolution may use.
public enum MaskedConv2dAlgorithm: String, Sendable, CaseIterable {
    /// The algorithm estimated to be fastest for a mask.
    case automatic = "auto"
    /// The defining sums at the active pixels: equal to the dense direct result bit for bit.
    case direct
    /// Winograd's F(4 × 4, 3 × 3) on the tiles that hold an active pixel: 3 × 3 kernels with stride 1,
    /// dilation 1 and one group only.
    case winograd
    /// The whole map, by the fastest dense algorithm.
    case dense
}

/// How a masked convolution will be run, and why.
public struct MaskedConv2dPlan: Sendable, Equatable {
    /// An algorithm for the active outputs.
    public enum Way: String, Sendable, CaseIterable {
        /// The defining sums of each active pixel.
        case pixels
        /// Winograd's F(4 × 4, 3 × 3) on the tiles that hold an active pixel.
        case tiles4x4
        /// Winograd's F(6 × 6, 3 × 3) on the tiles that hold an active pixel.
        case tiles6x6
        /// The whole map; inactive pixels are then overwritten with their required values.
        case dense

        var algorithm: Conv2dPlan.Algorithm? {
            switch self {
            case .pixels: .direct
            case .tiles4x4: .winograd4x4
            case .tiles6x6: .winograd6x6
            case .dense: nil
            }
        }
    }

    /// The algorithm that is used.
    public let way: Way
    /// Estimated cycles of each algorithm on one core; only ratios are meaningful. 0 if no pixel is
    /// active. Algorithms that do not apply, or are far slower, are missing.
    public let estimatedCycles: [Way: Double]
}
