import Protean

extension LayerEntry {
    static let upsample = LayerEntry(
        "Upsample", family: .shape,
        reference: "torch.nn.Upsample",
        summary: .fixed("another height and width, without anti-aliasing"),
        keys: [
            .optional("size", .null, "n or [h, w] of the result; null: by scale_factor"),
            .optional("scale_factor", .null, "a factor or [fh, fw]; null: by size"),
            .optional(
                "mode", "nearest", "\"nearest\", \"nearest-exact\", \"bilinear\" or \"bicubic\""),
            .optional(
                "align_corners", .null,
                "whether centres of corner pixels coincide; null for the nearest modes"),
            .optional(
                "recompute_scale_factor", .null,
                "whether the ratio of the sizes positions samples; null: false"),
        ],
        outputs: [.resizedMap],
        golden: [
            "upsample", "upsample_bicubic", "upsample_bilinear", "upsample_exact",
            "upsample_recomputed",
        ],
        benchmark: .generic("upsample", "h=56 w=56 c=64 up=2") { sizes in
            LayerSample(
                ["scale_factor": sizes["up"], "mode": "bilinear"],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let mode = try configuration.choice("mode", of: Upsample.Mode.self)
        func flag(_ key: String) throws -> Bool? {
            configuration.isNull(key) ? nil : try configuration.bool(key)
        }
        let corners = try flag("align_corners")
        let recomputes = try flag("recompute_scale_factor") ?? false
        if configuration.isNull("scale_factor") {
            guard !configuration.isNull("size") else {
                throw configuration.refusal("size", "a size, or a scale_factor")
            }
            guard !recomputes else {
                throw configuration.refusal("recompute_scale_factor", "null or false with a size")
            }
            return BuiltLayer(
                try Upsample(
                    size: configuration.size("size"), mode: mode, alignCorners: corners))
        }
        try configuration.require("size", .null)
        return BuiltLayer(
            try Upsample(
                scaleFactor: configuration.factors("scale_factor"), mode: mode,
                alignCorners: corners, recomputesScale: recomputes))
    }
}

extension LayerConfiguration {
    /// A number for both axes or `[height, width]`.
    fileprivate func factors(_ key: String) throws -> Scale2d {
        guard case .array(let list) = value(key) else { return Scale2d(try number(key)) }
        guard list.count == 2, case .number(let height) = list[0],
            case .number(let width) = list[1]
        else { throw refusal(key, "a number or [height, width]") }
        return Scale2d(height: height, width: width)
    }
}
