import CProteanKernels

/// What a masked convolution needs for the input shapes seen last, whatever the mask; see
/// ``Conv2dPlanCache``.
final class MaskedConv2dPlanCache: Sendable {
    private let parameters: Conv2dParameters
    /// Which way of computing is allowed.
    let algorithm: MaskedConv2dAlgorithm
    private let cache = InputShapeCache<PreparedMaskedConv2d>()

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when Winograd's algorithm is
    ///   insisted on and does not apply.
    init(
        _ parameters: Conv2dParameters, algorithm: MaskedConv2dAlgorithm, layer: String
    ) throws(ProteanError) {
        self.parameters = parameters
        self.algorithm = algorithm
        guard algorithm != .winograd || parameters.geometry.suitsTiles else {
            throw .invalidOption(
                layer: layer, option: "algorithm",
                expected: "auto, direct or dense, except for 3x3 kernels with stride 1, dilation "
                    + "1, one group and more than one channel",
                found: algorithm.rawValue)
        }
    }

    var geometry: Conv2dGeometry { parameters.geometry }

    /// What calls on maps of shape `input` have in common under the settings in force.
    func prepared(for input: [Int], layer: String) throws(ProteanError) -> PreparedMaskedConv2d {
        let settings = try Runtime.resolved()
        return try cache.value(for: input, settings: settings, version: parameters.version) {
            () throws(ProteanError) in
            let geometry = parameters.geometry
            var shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            // A way that is insisted on is taken whatever the settings say of exactness.
            let exact = algorithm == .automatic && settings.exactness == .direct
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

extension MaskedConv2dPlanCache {
    /// The fastest way by these estimates.
    func choice(
        _ estimates: MaskedConv2dEstimates, _ input: MaskedInput, inPlace: Bool
    ) -> MaskedConv2dPlan.Way {
        if algorithm == .winograd { return estimates.tiles }
        // An input of which only some pixels count is no whole map.
        if input.plan != nil { return estimates.fastestOfRows }
        return inPlace ? estimates.fastestInPlace : estimates.fastest
    }

    /// The way that follows without an estimate.
    func fixedWay(
        _ input: MaskedInput, _ mask: MaskPlan, layer: String
    ) throws(ProteanError) -> MaskedConv2dPlan.Way? {
        if algorithm == .dense {
            if case .map = input { return .dense }
            throw .invalidOption(
                layer: layer, option: "algorithm",
                expected: "auto, direct or winograd for inputs with a mask",
                found: algorithm.rawValue)
        }
        if algorithm == .winograd { return nil }
        // Nothing to compute needs no estimate, nor does a shape that has no other way.
        let isFixed = mask.count == 0 || (input.plan != nil && !geometry.suitsTiles)
        return algorithm == .direct || isFixed ? .pixels : nil
    }

    /// What a call needs beside its tensors: what follows from the shape, and the way.
    func prepare(
        _ x: Tensor, _ input: MaskedInput, _ mask: MaskPlan, inPlace: Bool = false, layer: String
    ) throws(ProteanError) -> (call: PreparedMaskedConv2d, way: MaskedConv2dPlan.Way) {
        let map = try input.mapShape(of: x, geometry, layer: layer)
        let call = try prepared(for: map, layer: layer)
        if let way = try fixedWay(input, mask, layer: layer) { return (call, way) }
        let estimates = try call.estimates(mask, clears: !inPlace, layer: layer)
        return (call, choice(estimates, input, inPlace: inPlace))
    }
}
