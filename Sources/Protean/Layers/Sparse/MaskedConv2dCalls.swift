import CProteanKernels

/// How one masked convolution is run on the input shapes seen last; see ``Conv2dCalls``.
final class MaskedConv2dCalls: Sendable {
    private let parameters: Conv2dParameters
    /// Whether Winograd's algorithm is left out where the settings ask for exact sums.
    private let followsExactness: Bool
    private let cache = Conv2dCallCache<PreparedMaskedConv2d>()

    init(_ parameters: Conv2dParameters, followsExactness: Bool) {
        self.parameters = parameters
        self.followsExactness = followsExactness
    }

    /// What calls on maps of shape `input` have in common under the settings in force.
    func call(for input: [Int], layer: String) throws(ProteanError) -> PreparedMaskedConv2d {
        let settings = try Runtime.resolved()
        return try cache.call(for: input, settings: settings, version: parameters.version) {
            () throws(ProteanError) in
            let geometry = parameters.geometry
            var shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            let exact = followsExactness && settings.exactness == .direct
            shape.choice = exact ? PTN_CONV2D_SUMS : PTN_CONV2D_AUTO
            let plan = try geometry.kernelPlan(
                shape, runtime: settings.kernelValue, layer: layer)
            var model = ptn_masked_conv2d_model(), runtime = settings.kernelValue
            try ptn_masked_conv2d_model_for(&runtime, &shape, &model).check(layer)
            return PreparedMaskedConv2d(
                shape: shape, settings: settings, model: model,
                output: [input[0], Int(plan.out_h), Int(plan.out_w), Int(shape.k)])
        }
    }

    /// The weights as `way` wants them.
    func packed(
        for call: PreparedMaskedConv2d, way: MaskedConv2dPlan.Way, layer: String
    ) throws(ProteanError) -> PackedConv2d {
        try call.packed.value(for: way) { () throws(ProteanError) in
            var algorithm = way.algorithm ?? .direct
            if algorithm == .direct && parameters.geometry.isDepthwise { algorithm = .depthwise }
            return try parameters.packed(algorithm, isa: call.settings.isa, layer: layer)
        }
    }
}

/// A masked convolution on maps of one shape: nothing in it depends on a mask or on values.
final class PreparedMaskedConv2d: Sendable {
    let shape: ptn_conv2d_shape
    let settings: Runtime.Resolved
    private let model: ptn_masked_conv2d_model
    /// `[batch, height, width, channels]` of the dense result.
    let output: [Int]
    fileprivate let packed = Derived<MaskedConv2dPlan.Way, PackedConv2d>(capacity: 3)

    fileprivate init(
        shape: ptn_conv2d_shape, settings: Runtime.Resolved, model: ptn_masked_conv2d_model,
        output: [Int]
    ) {
        self.shape = shape
        self.settings = settings
        self.model = model
        self.output = output
    }

    /// The estimates for the active outputs of `mask` from a dense map; `clears` counts the writing of
    /// inactive outputs.
    func estimates(
        _ mask: MaskPlan, clears: Bool, layer: String
    ) throws(ProteanError) -> MaskedConv2dEstimates {
        var model = model
        var cycles = (0.0, 0.0, 0.0, 0.0)
        let status = withExtendedLifetime(mask) {
            withUnsafeMutableBytes(of: &cycles) {
                ptn_masked_conv2d_estimate(
                    &model, mask.kernelPlan, clears,
                    $0.assumingMemoryBound(to: Double.self).baseAddress)
            }
        }
        if status == PTN_BAD_ARGUMENT {
            throw .shapeMismatch(
                layer: layer, tensor: "mask", expected: "\(Array(output.prefix(3)))",
                found: [mask.batch, mask.size.height, mask.size.width])
        }
        try status.check(layer)
        return MaskedConv2dEstimates(cycles: cycles)
    }
}

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
