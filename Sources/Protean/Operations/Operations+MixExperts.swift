import CProteanKernels

extension Operations {
    /// One weighted sum of the experts per sample: `y[b] = Σ_e routing[b, e] · experts[e]`.
    ///
    /// A product of matrices `[batch, experts]` and `[experts, …]` that reads the experts once for four
    /// samples; experts are added in order. Convolutions mix inside their kernel, without this
    /// function (``condConv2d(_:experts:bias:routing:taps:inputs:geometry:epilogue:layer:)``); it is
    /// for weights of other kinds. Cost: batch · experts · values multiply-adds.
    /// - Parameters:
    ///   - experts: `[experts, …]`.
    ///   - routing: `[batch, experts]`.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, …]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func mixExperts(
        _ experts: Tensor, routing: Tensor, layer: String = "mixExperts"
    ) throws(ProteanError) -> Tensor {
        guard experts.rank >= 1 else {
            throw .shapeMismatch(
                layer: layer, tensor: "experts", expected: "[experts, …]", found: experts.shape)
        }
        guard routing.rank == 2, routing.shape[1] == experts.shape[0] else {
            throw .shapeMismatch(
                layer: layer, tensor: "routing", expected: "[batch, \(experts.shape[0])]",
                found: routing.shape)
        }
        let one = Array(experts.shape.dropFirst())
        let length = try Shape.elementCount(one, layer: layer)
        let (samples, count) = (routing.shape[0], experts.shape[0])
        return try filling([samples] + one, for: layer, from: [routing, experts]) {
            runtime, inputs, y in
            ptn_expert_mix(runtime, samples, count, length, inputs[0], inputs[1], y)
        }
    }
}
