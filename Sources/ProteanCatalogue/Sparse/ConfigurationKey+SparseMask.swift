import Protean

extension ConfigurationKey {
    /// The arguments of SMSR's constructors; all but the channels have only one supported value.
    static let sparseMask: [ConfigurationKey] = [
        .required("in_channels", "channels C", aliases: "inputChannels", "channels"),
        .required("out_channels", "the same", aliases: "outputChannels"),
        .optional("kernel_size", 3, "3"),
        .optional("stride", 1, "1"),
        .optional("padding", 1, "1"),
        .optional("bias", false, "false: of the 3 x 3 convolutions"),
    ]
}

extension LayerConfiguration {
    /// The channels of ``ConfigurationKey/sparseMask``; throws for unsupported values of the other
    /// keys.
    func sparseMaskChannels() throws -> Int {
        let channels = try positive("in_channels")
        try require("out_channels", .number(Double(channels)))
        try require("kernel_size", 3)
        try require("stride", 1)
        try require("padding", 1)
        try require("bias", false)
        return channels
    }
}
