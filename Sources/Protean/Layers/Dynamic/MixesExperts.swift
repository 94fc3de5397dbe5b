/// A layer that computes the weights of its experts itself and mixes their kernels per sample.
protocol MixesExperts: FoldsNorm {
    var geometry: Conv2dGeometry { get }
    var experts: Int { get }
    var weight: Parameter { get }
    var bias: Parameter? { get }

    /// The output for `x` with the kernels of `plans`, in which a norm may be folded.
    func run(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor
}

extension MixesExperts {
    /// The convolution and `norm` as one kernel.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel {
        try norm.check(follows: geometry, layer: typeName)
        let plans = Conv2dPlanCache(
            weight: weight, bias: bias, norm: norm, experts: experts, geometry: geometry)
        return FoldedMixture(layer: self, plans: plans)
    }
}

/// A layer that mixes experts, with the norm after it folded into its kernels.
private struct FoldedMixture: EpilogueKernel {
    let layer: any MixesExperts
    let plans: Conv2dPlanCache

    /// An activation and a residual; a gate would not multiply the norm's shift.
    var epilogueParts: EpilogueParts { [.activation, .residual] }

    func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            let y = try layer.run(x, plans, Conv2dEpilogue())
            return try epilogue.applied(to: y, layer: layer.place)
        }
        return try layer.run(x, plans, epilogue)
    }
}
