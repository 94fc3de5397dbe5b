import CProteanKernels

/// The parts of a masked convolution's plan that do not depend on the mask, for the most recent
/// input shapes; see ``Conv2dPlanCache``.
final class MaskedConv2dPlanCache: Sendable {
    private let parameters: Conv2dParameters
    /// The algorithms that may be used.
    let algorithm: MaskedConv2dAlgorithm
    private let cache = InputShapeCache<PreparedMaskedConv2d>()

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when Winograd's
    ///   algorithm is requested and does not apply.
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

    /// What calls on maps of shape `input` share under the current settings.
    func prepared(for input: [Int], layer: String) throws(ProteanError) -> PreparedMaskedConv2d {
        let settings = try Runtime.resolved()
        let call = try cache.value(for: input, settings: settings, version: parameters.version) {
            () throws(ProteanError) in
            let geometry = parameters.geometry
            var shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            // An algorithm that the caller requests is used whatever the exactness setting.
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
        return call.batch(input[0])
    }

    /// The weights packed for the algorithm `way`.
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
    /// The fastest algorithm by these estimates.
    func choice(
        _ estimates: MaskedConv2dEstimates, _ input: MaskedInput, inPlace: Bool
    ) -> MaskedConv2dPlan.Way {
        if algorithm == .winograd { return estimates.tiles }
        // An input restricted to a plan's pixels cannot use the dense algorithm.
        if input.plan != nil { return estimates.fastestOfRows }
        return inPlace ? estimates.fastestInPlace : estimates.fastest
    }

    /// The algorithm that is used without an estimate, or nil.
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
        // No estimate is needed if no pixel is active or if only one algorithm applies to the
        // shape.
        let isFixed = mask.count == 0 || (input.plan != nil && !geometry.suitsTiles)
        return algorithm == .direct || isFixed ? .pixels : nil
    }

    /// What a call needs besides its tensors: the values that depend on the shape only, and the
    /// algorithm.
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
