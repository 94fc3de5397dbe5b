import Protean

extension LayerEntry {
    static let pointRefine = LayerEntry(
        "PointRefine", family: .sparse,
        reference: "PointRend's subdivision in inference with StandardPointHead",
        summary: .dynamic("which pixels of a segmentation are refined"),
        papers: ["1912.08193"],
        keys: [
            .required(
                "input_channels", "channels C of the fine features", aliases: "inputChannels",
                "channels"),
            .required("num_classes", "channels K of the logits", aliases: "classes"),
            .optional("fc_dim", 256, "outputs D of each hidden layer", aliases: "hiddenChannels"),
            .optional("num_fc", 3, "number of hidden layers", aliases: "hiddenLayers"),
            .optional("cls_agnostic_mask", false, "false; true makes no difference for one class"),
            .optional(
                "coarse_pred_each_layer", true, "whether coarse logits join every layer's input"),
            .optional(
                "subdivision_steps", 5, "how often height and width are doubled", aliases: "steps"),
            .optional(
                "subdivision_num_points", 784, "pixels refined per sample and step",
                aliases: "points"),
        ],
        inputs: [.init("x", "[B, C, H, W]: fine features"), .init("coarse", "[B, K, H', W']")],
        weights: [
            .init("fc1.weight, fc1.bias", "[D, C + K, 1], [D]"),
            .init("fc2.weight, fc2.bias, ...", "[D, D + K, 1], [D]"),
            .init("predictor.weight, predictor.bias", "[K, D + K, 1], [K]"),
        ],
        outputs: [.init("y", "[B, K, H' * 2^steps, W' * 2^steps]")],
        golden: ["point_refine", "point_refine_binary", "point_refine_dense"],
        benchmark: .generic("point_refine", "h=56 w=56 c=64 k=19") { sizes in
            LayerSample(
                [
                    "input_channels": sizes["c"], "num_classes": sizes["k"],
                    "subdivision_steps": 2, "subdivision_num_points": 196,
                ],
                inputs: [
                    "x": .map(try sizes.map),
                    "coarse": .map([
                        try sizes.batch, max(1, try sizes.int("h") / 4),
                        max(1, try sizes.int("w") / 4), try sizes.int("k"),
                    ]),
                ])
        }
    ) { configuration in
        let classes = try configuration.int("num_classes")
        if classes != 1 { try configuration.require("cls_agnostic_mask", false) }
        let layer = try PointRefine(
            inputChannels: configuration.int("input_channels"), classes: classes,
            hiddenChannels: configuration.int("fc_dim"),
            hiddenLayers: configuration.int("num_fc"),
            coarseEachLayer: configuration.bool("coarse_pred_each_layer"),
            steps: configuration.int("subdivision_steps"),
            points: configuration.int("subdivision_num_points"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(try inputs.map("x"), coarse: try inputs.map("coarse")))]
        }
    }
}
