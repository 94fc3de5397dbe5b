import Protean

extension ConfigurationKey {
    /// Arguments of both pixel-adaptive layers after the convolution's.
    static let pixelAdaptive: [ConfigurationKey] = [
        .bias(true),
        .optional(
            "kernel_type", "gaussian", "\"gaussian\" or \"inv_{alpha}_{lambda}[_asym][_fixed]\"",
            aliases: "kernelType"),
        .optional(
            "smooth_kernel_type", "none",
            "\"none\", \"gaussian\", \"average_{side}\" or \"full_{side}\"", aliases: "smoothing"),
        .optional("normalize_kernel", false, "whether factors are divided by their sum"),
        .optional("shared_filters", false, "whether one filter serves all channels"),
        .optional("filler", "uniform", "\"uniform\": only initial values depend on it"),
    ]
}

extension LayerEntry.TensorDescription {
    /// Weights of both pixel-adaptive layers besides `weight`.
    static let pixelAdaptive: [LayerEntry.TensorDescription] = [
        .init("bias", "[O]", optional: true),
        .init("inv_alpha, inv_lambda", "scalars, with inv kernels", optional: true),
        .init("smooth_kernel", "[1, 1, side, side], with smoothing", optional: true),
    ]
}

extension LayerConfiguration {
    /// The options of the factors.
    func adaptiveOptions() throws -> AdaptiveKernelOptions {
        try require("filler", "uniform")
        guard let kernel = text("kernel_type") else { throw refusal("kernel_type", "a text") }
        guard let smoothing = text("smooth_kernel_type") else {
            throw refusal("smooth_kernel_type", "a text")
        }
        return AdaptiveKernelOptions(
            kernelType: kernel, smoothing: smoothing, isNormalized: try bool("normalize_kernel"))
    }
}
