/// Packed weights together with the batch norm that follows, cached until a parameter changes.
final class DeformableWeights: Sendable {
    private struct Key: Equatable, Sendable {
        var isa: KernelISA
        var weight, bias, norm: Int
    }

    private let cache = Derived<Key, PackedDeformableConv2d>(capacity: 4)

    /// The packed form for the current instruction set.
    func packed(
        weight: Parameter, bias: Parameter?, norm: (any FoldableNorm)?, geometry: Conv2dGeometry,
        layer: String
    ) throws(ProteanError) -> PackedDeformableConv2d {
        let isa = try Runtime.isa()
        let key = Key(
            isa: isa, weight: weight.version, bias: bias?.version ?? -1, norm: norm?.version ?? -1)
        return try cache.value(for: key) { () throws(ProteanError) in
            let affine = try norm?.scaleAndShift()
            return try PackedDeformableConv2d(
                weights: weight.value, bias: bias?.value, scale: affine?.scale,
                shift: affine?.shift, geometry: geometry, isa: isa, layer: layer)
        }
    }
}
