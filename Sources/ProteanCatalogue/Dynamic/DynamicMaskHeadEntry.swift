import Protean

extension LayerEntry {
    static let dynamicMaskHead = LayerEntry(
        "DynamicMaskHead", family: .dynamic,
        reference: "aim-uofa/AdelaiDet DynamicMaskHead (CondInst), inference",
        summary: .dynamic("a small network per instance"),
        papers: ["2003.05664"],
        keys: [
            .optional("in_channels", 8, "features C", aliases: "inputChannels"),
            .optional("channels", 8, "channels of the hidden layers"),
            .optional("num_layers", 3, "layers", aliases: "layers"),
            .optional("disable_rel_coords", false, "whether the features alone are inputs"),
            .optional(
                "mask_feat_stride", 8, "image pixels per pixel of x", aliases: "featureStride"),
            .optional("mask_out_stride", 4, "image pixels per pixel of y", aliases: "outputStride"),
            .optional(
                "sizes_of_interest", [64, 128, 256, 512], "of the levels; twice the last is added",
                aliases: "sizesOfInterest"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("mask_head_params", "[I, count]: all weights, then all biases"),
            .init("im_inds", "[I], the sample of each instance"),
            .init("locations", "[I, 2], x and y", optional: true),
            .init("fpn_levels", "[I]", optional: true),
        ],
        weights: [
            .init("sizes_of_interest", "[levels + 1]"), .init("_iter", "[1], not used"),
        ],
        outputs: [.init("y", "[I, 1, H', W'], logits")],
        golden: ["mask_head", "mask_head_features", "mask_head_wide"],
        benchmark: .generic("mask_head", "h=100 w=152 c=8 boxes=10") { sizes in
            let (map, count) = (try sizes.map, try sizes.int("boxes"))
            // Three layers, from C features and 2 coordinates to 8, 8 and 1 channels.
            let parameters = 8 &* (try sizes.int("c")) &+ 105
            return LayerSample(
                ["in_channels": sizes["c"]],
                inputs: [
                    "x": .map(map), "mask_head_params": .plain([count, parameters]),
                    "im_inds": .indices([count], below: map[0]),
                    "locations": .plain([count, 2]), "fpn_levels": .indices([count], below: 5),
                ])
        }
    ) { configuration in
        let sizes = try configuration.ints("sizes_of_interest")
        let layer = try DynamicMaskHead(
            inputChannels: configuration.int("in_channels"),
            channels: configuration.int("channels"), layers: configuration.int("num_layers"),
            usesCoordinates: !configuration.bool("disable_rel_coords"),
            featureStride: configuration.int("mask_feat_stride"),
            outputStride: configuration.int("mask_out_stride"),
            sizesOfInterest: sizes.map { Float($0) })
        return BuiltLayer(layer) { inputs in
            func indices(_ name: String) throws -> [Int] {
                let tensor = try inputs.plain(name)
                guard tensor.rank == 1, !tensor.isShapeOnly else {
                    throw ProteanError.shapeMismatch(
                        layer: "DynamicMaskHead", tensor: name, expected: "[instances]",
                        found: tensor.shape)
                }
                return try tensor.elements.map {
                    guard let whole = Int(exactly: $0) else {
                        throw ProteanError.invalidOption(
                            layer: "DynamicMaskHead", option: name, expected: "whole numbers",
                            found: "\($0)")
                    }
                    return whole
                }
            }
            let instances = DynamicMaskHead.Instances(
                parameters: try inputs.plain("mask_head_params"), samples: try indices("im_inds"),
                locations: layer.usesCoordinates ? try inputs.plain("locations") : nil,
                levels: layer.usesCoordinates ? try indices("fpn_levels") : [])
            return [.map("y", try layer(inputs.map("x"), instances))]
        }
    }
}
