import CProteanKernels

extension Operations {
    /// Makes a result of shape `shape` and lets `kernel` fill it.
    ///
    /// `kernel` gets the settings of this call, the elements of `inputs` in their order, and the
    /// result's memory. It is not called when one of the inputs carries a shape only: the result
    /// then does too.
    static func filling(
        _ shape: [Int], for layer: String, from inputs: [Tensor],
        _ kernel: (
            UnsafePointer<ptn_runtime>, [UnsafePointer<Float>], UnsafeMutablePointer<Float>
        ) -> ptn_status
    ) throws(ProteanError) -> Tensor {
        let bases = inputs.compactMap { $0.storage.map { UnsafePointer($0.base) } }
        guard bases.count == inputs.count else { return try Tensor(shapeOnly: shape) }
        let runtime = try Runtime.current()
        let result = try Tensor(uninitialized: shape, for: layer)
        guard let output = result.storage else { return result }
        let status = withExtendedLifetime((inputs, output)) {
            withUnsafePointer(to: runtime) { kernel($0, bases, output.base) }
        }
        try status.check(layer)
        return result
    }
}
