import CProteanKernels

/// What a masked convolution needs for the input shapes seen last, whatever the mask; see
/// ``Conv2dPlanCache``.
final class MaskedConv2dPlanCache: Sendable {
    private let parameters: Conv2dParameters
    /// Whether Winograd's algorithm is left out where the settings ask for exact sums.
    private let followsExactness: Bool
    private let cache = InputShapeCache<PreparedMaskedConv2d>()

    init(_ parameters: Conv2dParameters, followsExactness: Bool) {
        self.parameters = parameters
        self.followsExactness = followsExactness
    }

    /// What calls on maps of shape `input` have in common under the settings in force.
    func prepared(for input: [Int], layer: String) throws(ProteanError) -> PreparedMaskedConv2d {
        let settings = try Runtime.resolved()
        return try cache.value(for: input, settings: settings, version: parameters.version) {
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
