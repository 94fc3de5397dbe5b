/// The form in which a convolution's weights are packed, named by the kernels that read it.
public struct Conv2dPacking: Hashable, Sendable {
    /// The instruction set.
    public let isa: KernelISA
    /// The algorithm.
    public let algorithm: Conv2dPlan.Algorithm
}

extension Conv2dGeometry {
    /// The form that an input of shape `[batch, height, width, channels]` needs under the current
    /// settings (``Runtime``). Computes sizes only; packs nothing.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit.
    public func packing(
        for input: [Int], layer: String = "Conv2d"
    ) throws(ProteanError) -> Conv2dPacking {
        Conv2dPacking(
            isa: try Runtime.isa(), algorithm: try plan(for: input, layer: layer).algorithm)
    }

    /// Throws if the weights' or the bias's shape does not fit.
    func check(weight: Tensor, bias: Tensor?, layer: String) throws(ProteanError) {
        guard weight.shape == weightShape else {
            throw .shapeMismatch(
                layer: layer, tensor: "weight", expected: "\(weightShape)", found: weight.shape)
        }
        if let bias, bias.shape != [outputChannels] {
            throw .shapeMismatch(
                layer: layer, tensor: "bias", expected: "[\(outputChannels)]", found: bias.shape)
        }
    }
}
