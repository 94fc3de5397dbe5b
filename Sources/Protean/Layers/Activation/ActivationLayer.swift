/// A layer that is only an element-wise function, so that a container can run it as the last step
/// of the convolution before it.
public protocol ActivationLayer: PixelwiseLayer {
    /// The function.
    var activation: Activation { get }
}

extension ActivationLayer {
    /// 0: there are no parameters.
    public var version: Int { 0 }

    /// activation(x) for every element; any shape in, the same out. One read and one write of the
    /// map.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced(typeName, path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.activate(x, activation)
        }
    }
}

extension Cost {
    /// The cost of a layer that moves values and has no multiply-adds.
    static func moving(
        _ input: Tensor, _ output: Tensor, parameters: Int = 0, buffers: Int = 0
    ) -> Cost {
        let numbers = input.count + output.count + parameters + buffers
        return Cost(
            parameters: parameters, buffers: buffers, bytes: numbers * MemoryLayout<Float>.stride)
    }
}
