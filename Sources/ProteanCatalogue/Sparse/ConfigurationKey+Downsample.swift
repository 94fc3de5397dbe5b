import Protean

extension ConfigurationKey {
    /// Whether a residual block's shortcut has a convolution.
    static let downsample = ConfigurationKey.optional(
        "downsample", .null,
        "true: 1 x 1 convolution and batch norm, needed where stride is not 1 or channels change; null or false: none"
    )
}

extension LayerConfiguration {
    /// The value of ``ConfigurationKey/downsample``.
    func downsample() throws -> Bool { isNull("downsample") ? false : try bool("downsample") }
}
