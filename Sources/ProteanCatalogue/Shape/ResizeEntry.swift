import Protean

extension LayerEntry {
    static let resize = LayerEntry(
        "Resize", family: .shape,
        reference: "torch.nn.functional.interpolate",
        summary: .pytorchShape,
        keys: [
            .optional("size", .null, "n or [h, w] of y; null with scale_factor"),
            .optional(
                "scale_factor", .null, "s or [sh, sw], above 0; null with size",
                aliases: "scale"),
            .optional(
                "mode", "nearest", "nearest, nearest-exact, bilinear or bicubic"),
            .optional(
                "align_corners", .null,
                "true or false, null for false; null with nearest and nearest-exact"),
            .optional("recompute_scale_factor", .null, "null or false"),
            .optional("antialias", false, "false"),
        ],
        outputs: [.resizedMap],
        golden: [
            "resize_nearest", "resize_nearest_scale", "resize_nearest_exact",
            "resize_nearest_exact_scale", "resize_bilinear", "resize_bilinear_scale",
            "resize_bilinear_corners", "resize_bilinear_scale_corners", "resize_bicubic",
            "resize_bicubic_scale", "resize_bicubic_corners",
        ],
        benchmark: .kernel("resize", "h=28 w=28 c=64 up=2")
    ) { configuration in
        try configuration.require("antialias", false)
        if !configuration.isNull("recompute_scale_factor") {
            try configuration.require("recompute_scale_factor", false)
        }
        let mode = try resizeMode(configuration)
        switch (configuration.isNull("size"), configuration.isNull("scale_factor")) {
        case (false, true):
            return BuiltLayer(try Resize(size: configuration.size("size"), mode: mode))
        case (true, false):
            return BuiltLayer(try Resize(scale: scaleFactors(configuration), mode: mode))
        case (true, true):
            throw configuration.refusal("size", "a size here or a number in scale_factor")
        case (false, false):
            throw configuration.refusal("scale_factor", "null with a size")
        }
    }

    private static func resizeMode(_ configuration: LayerConfiguration) throws -> ResizeMode {
        let names = ["nearest", "nearest-exact", "bilinear", "bicubic"]
        let name = try configuration.choice("mode", names)
        if name.hasPrefix("nearest") {
            // PyTorch also throws for another value.
            try configuration.require("align_corners", .null)
            return name == "nearest" ? .nearest : .nearestExact
        }
        let aligned =
            try !configuration.isNull("align_corners") && configuration.bool("align_corners")
        return name == "bilinear"
            ? .bilinear(alignCorners: aligned) : .bicubic(alignCorners: aligned)
    }

    /// A number for both axes, or `[height, width]`.
    private static func scaleFactors(_ configuration: LayerConfiguration) throws -> Scale2d {
        switch configuration.value("scale_factor") {
        case .number(let both):
            return Scale2d(both)
        case .array(let list):
            if list.count == 2, case .number(let height) = list[0],
                case .number(let width) = list[1]
            {
                return Scale2d(height: height, width: width)
            }
        default: break
        }
        throw configuration.refusal("scale_factor", "a number or [height, width]")
    }
}
