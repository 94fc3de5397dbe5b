import Protean

/// SMSR's layers: some channels everywhere, the others at the pixels of a mask.
enum SparseMaskAdapters {
    static let all = [sparseMaskBlock, sparseMaskModule]

    /// The arguments of both reference constructors; all but the channels have one value here.
    private static let keys: [ConfigurationKey] = [
        .required("in_channels", "channels C"),
        .required("out_channels", "the same"),
        .optional("kernel_size", 3, "3"),
        .optional("stride", 1, "1"),
        .optional("padding", 1, "1"),
        .optional("bias", false, "false: of the 3 x 3 convolutions"),
    ]

    private static func channels(_ configuration: LayerConfiguration) throws -> Int {
        let channels = try configuration.positive("in_channels")
        try configuration.require("out_channels", .number(Double(channels)))
        try configuration.require("kernel_size", 3)
        try configuration.require("stride", 1)
        try configuration.require("padding", 1)
        try configuration.require("bias", false)
        return channels
    }

    private static let sparseMaskBlock = LayerAdapter(
        "SparseMaskBlock", reference: "SMSR SMB, in inference",
        keys: keys + [.optional("n_layers", 4, "3 x 3 convolutions L")],
        inputs: [.init("x", "[B, C, H, W]"), .init("mask", "[B, 1, H, W], not 0: active")],
        weights: [
            .init("ch_mask", "[1, C, L, 2]"),
            .init("body.i.weight", "[C, C, 3, 3], i = 0 ... L - 1"),
            .init("collect.weight, collect.bias", "[C, L * C, 1, 1], [C]"),
        ],
        outputs: [.init("y", "[B, C, H, W]")]
    ) { configuration in
        let layer = try SparseMaskBlock(
            channels: channels(configuration), layers: configuration.int("n_layers"))
        return BuiltLayer(layer) { inputs in
            let plan = try MaskPlan(try inputs.map("mask"))
            return [.map("y", try layer(try inputs.map("x"), mask: plan))]
        }
    }

    private static let sparseMaskModule = LayerAdapter(
        "SparseMaskModule", reference: "SMSR SMM, in inference", keys: keys,
        weights: [
            .init("spa_mask.0.weight, .bias", "[C/4, C, 3, 3], [C/4]"),
            .init("spa_mask.3.weight, .bias", "[C/4, C/4, 3, 3], [C/4]"),
            .init("spa_mask.5.weight, .bias", "[C/4, 2, 3, 3], [2]"),
            .init("body.*", "as of SparseMaskBlock, L = 4"),
            .init("ca.conv_du.0.weight, .bias", "[C/16, C, 1, 1], [C/16]"),
            .init("ca.conv_du.2.weight, .bias", "[C, C/16, 1, 1], [C]"),
        ],
        outputs: [.init("y", "[B, C, H, W]"), .init("mask", "[B, 1, H, W]")]
    ) { configuration in
        let layer = try SparseMaskModule(channels: channels(configuration))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.mask(for: x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }
}
