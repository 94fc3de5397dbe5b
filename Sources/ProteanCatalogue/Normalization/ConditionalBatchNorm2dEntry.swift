import Protean

extension LayerEntry {
    static let conditionalBatchNorm2d = LayerEntry(
        "ConditionalBatchNorm2d", family: .normalization,
        reference: "the usual PyTorch module with an embedding, BigGAN ccbn",
        summary: .dynamic("scale and shift of a batch norm, from a class or a vector"),
        papers: ["1707.00683", "1809.11096"],
        keys: [.optional("eps", .number(1e-5), "added to the variance")],
        variants: [
            .init(
                name: "classes",
                keys: [
                    .required("num_features", "channels C", aliases: "channels"),
                    .required("num_classes", "classes K", aliases: "conditions"),
                ]),
            .init(
                name: "linear",
                keys: [
                    .required("output_size", "channels C", aliases: "channels"),
                    .required("input_size", "size F of the condition", aliases: "conditions"),
                ]),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("condition", "[B] of classes, or [B, F]"),
        ],
        weights: [
            .init("bn.running_mean, bn.running_var", "[C], [C]  (classes)"),
            .init("embed.weight", "[K, 2C]  (classes)"),
            .init("gain.weight, bias.weight", "[C, F], [C, F]  (linear)"),
            .init("stored_mean, stored_var", "[C], [C]  (linear)"),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["conditional_batch_norm2d", "conditional_batch_norm2d_linear"],
        benchmark: .generic("conditional_batch_norm2d", "h=32 w=32 c=128") { sizes in
            let map = try sizes.map
            return LayerSample(
                ["num_features": sizes["c"], "num_classes": 10],
                inputs: ["x": .map(map), "condition": .indices([map[0]], below: 10)])
        }
    ) { configuration in
        let isClasses = configuration.text("variant") == "classes"
        let layer = try ConditionalBatchNorm2d(
            channels: configuration.int(isClasses ? "num_features" : "output_size"),
            conditions: configuration.int(isClasses ? "num_classes" : "input_size"),
            variant: isClasses ? .classes : .linear, eps: configuration.number("eps"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), condition: inputs.plain("condition")))]
        }
    }
}
