extension CheckpointTensor {
    /// The values as a contiguous Float32 tensor.
    ///
    /// A contiguous, aligned Float32 tensor is a view of the file and costs nothing; others are
    /// converted.
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func float32() throws(ProteanError) -> Tensor {
        throw .invalidOption(layer: "Checkpoint", option: "type", expected: "F32", found: type.rawValue)
    }
}
