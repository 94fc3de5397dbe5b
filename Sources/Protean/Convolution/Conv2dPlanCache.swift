import CProteanKernels

/// The plans of one convolution for the input shapes seen last, each with the packed weights that it
/// asks for: both are found by one comparison.
final class Conv2dPlanCache: Sendable {
    private let parameters: Conv2dParameters
    private let cache = InputShapeCache<PreparedConv2d>()

    init(_ parameters: Conv2dParameters) { self.parameters = parameters }

    /// As for ``Conv2dParameters``.
    convenience init(
        weight: Parameter, bias: Parameter?, norm: (any FoldableNorm)? = nil, experts: Int? = nil,
        geometry: Conv2dGeometry
    ) {
        self.init(
            Conv2dParameters(
                weight: weight, bias: bias, norm: norm, experts: experts, geometry: geometry))
    }

    var geometry: Conv2dGeometry { parameters.geometry }
    var norm: (any FoldableNorm)? { parameters.norm }

    /// Grows whenever a parameter changes.
    var version: Int { parameters.version }

    /// All that a call on an input of shape `input` needs under these settings; kept for the next one.
    func prepared(
        for input: [Int], settings: Runtime.Resolved, layer: String
    ) throws(ProteanError) -> PreparedConv2d {
        try cache.value(for: input, settings: settings, version: version) {
            () throws(ProteanError) in
            var shape = try geometry.kernelShape(
                for: input, exactness: settings.exactness, layer: layer)
            let runtime = settings.kernelValue
            let plan = try geometry.kernelPlan(shape, runtime: runtime, layer: layer)
            let algorithm = Conv2dPlan.Algorithm(plan.algorithm)
            shape.choice = algorithm.choice
            let packed = try parameters.packed(algorithm, isa: settings.isa, layer: layer)
            return PreparedConv2d(
                packed: packed, shape: shape, plan: plan, runtime: runtime,
                isGuarded: settings.exactness == .guarded && algorithm.isWinograd)
        }
    }
}
