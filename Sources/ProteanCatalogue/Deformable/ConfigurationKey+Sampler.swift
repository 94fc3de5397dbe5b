import Protean

extension ConfigurationKey {
    /// Arguments of `torch.nn.functional.grid_sample`.
    static let sampler: [ConfigurationKey] = [
        .optional("mode", "bilinear", "\"bilinear\", \"nearest\" or \"bicubic\""),
        .optional("padding_mode", "zeros", "\"zeros\", \"border\" or \"reflection\""),
        alignCorners,
    ]

    /// The meaning of the coordinates -1 and 1.
    static let alignCorners = ConfigurationKey.optional(
        "align_corners", false, "whether -1 and 1 are centres of pixels or their outer edges")
}

extension LayerConfiguration {
    /// The sampling of ``ConfigurationKey/sampler``.
    func sampler() throws -> GridSample {
        GridSample(
            mode: try choice("mode", of: GridMode.self),
            padding: try choice("padding_mode", of: GridPadding.self),
            alignCorners: try bool("align_corners"))
    }
}
