/// A convolution's weights, bias and the batch norm folded into them. Their packed forms are cached
/// and shared by all algorithms.
final class Conv2dParameters: Sendable {
    let geometry: Conv2dGeometry
    private let weight: Parameter
    private let bias: Parameter?
    let norm: (any FoldableNorm)?
    let experts: Int?
    private let folded = FoldedWeights()

    /// `experts` sets of weights and biases lie one after the other in `weight` and `bias`.
    init(
        weight: Parameter, bias: Parameter?, norm: (any FoldableNorm)? = nil, experts: Int? = nil,
        geometry: Conv2dGeometry
    ) {
        self.weight = weight
        self.bias = bias
        self.norm = norm
        self.experts = experts
        self.geometry = geometry
    }

    /// Grows whenever a parameter changes. Each version only grows, so any change changes the sum.
    var version: Int { weight.version + (bias?.version ?? 0) + (norm?.version ?? 0) }

    /// The packed form that an algorithm and an instruction set read.
    func packed(
        _ algorithm: Conv2dPlan.Algorithm, isa: KernelISA, layer: String
    ) throws(ProteanError) -> PackedConv2d {
        try folded.packed(
            weight: weight, bias: bias, norm: norm, experts: experts, geometry: geometry,
            algorithm: algorithm, isa: isa, layer: layer)
    }
}
