import CProteanKernels

/// Packed weights of one convolution together with the batch norm that follows it, cached until a
/// parameter changes.
///
/// norm(conv(x)) = conv(x) with weights · scale and bias · scale + shift, so that the norm costs
/// nothing at run time.
final class FoldedWeights: Sendable {
    private struct Key: Equatable, Sendable {
        var isa: KernelISA
        var algorithm: Conv2dPlan.Algorithm
        var weight, bias, norm: Int
    }

    // An entry per instruction set and algorithm that inputs may switch between.
    private let cache = Derived<Key, PackedConv2d>(capacity: 4)

    /// The packed form for the current instruction set and an input of shape `input`. `experts`
    /// sets lie one after the other in `weight` and `bias`.
    func packed(
        weight: Parameter, bias: Parameter?, norm: (any FoldableNorm)?, experts: Int? = nil,
        geometry: Conv2dGeometry, input: [Int], layer: String
    ) throws(ProteanError) -> PackedConv2d {
        try packed(
            weight: weight, bias: bias, norm: norm, experts: experts, geometry: geometry,
            algorithm: try geometry.plan(for: input, layer: layer).algorithm,
            isa: try Runtime.isa(), layer: layer)
    }

    /// The packed form for an algorithm and an instruction set.
    func packed(
        weight: Parameter, bias: Parameter?, norm: (any FoldableNorm)?, experts: Int? = nil,
        geometry: Conv2dGeometry, algorithm: Conv2dPlan.Algorithm, isa: KernelISA, layer: String
    ) throws(ProteanError) -> PackedConv2d {
        let key = Key(
            isa: isa, algorithm: algorithm, weight: weight.version, bias: bias?.version ?? -1,
            norm: norm?.version ?? -1)
        return try cache.value(for: key) { () throws(ProteanError) in
            let affine = try norm?.scaleAndShift()
            return try PackedConv2d(
                weights: weight.value, bias: bias?.value, scale: affine?.scale,
                shift: affine?.shift, experts: experts, geometry: geometry, algorithm: algorithm,
                isa: isa, layer: layer)
        }
    }
}
