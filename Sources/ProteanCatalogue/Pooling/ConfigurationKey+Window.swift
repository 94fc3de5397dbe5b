import Protean

/// Arguments that the pooling layers of `torch.nn` share.
extension ConfigurationKey {
    static let poolingKernelSize = ConfigurationKey.required("kernel_size", "k or [kh, kw]")
    static let poolingStride = ConfigurationKey.optional(
        "stride", .null, "s or [sh, sw]; null: kernel_size")
    static let poolingPadding = ConfigurationKey.optional("padding", 0, "p or [ph, pw]")
    static let ceilMode = ConfigurationKey.optional(
        "ceil_mode", false, "whether output sizes are rounded up")
}

extension LayerEntry.TensorDescription {
    /// A map with the input's channels and a different size.
    static let resizedMap = LayerEntry.TensorDescription("y", "[B, C, H', W']")
    /// A map of the input's shape.
    static let sameMap = LayerEntry.TensorDescription("y", "[B, C, H, W]")
}
