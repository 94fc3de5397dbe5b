import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Branches and sets of channels weighted by the input, and the convolution block.
    static let branches: [String: LayerRecipe] = [
        "SelectiveKernel": LayerRecipe { random, scene in
            let count = random.divisor(of: min(scene.channels, 6))
            let splits = scene.channels % count == 0 && random.percent(60)
            let keeps = random.percent(60)
            let sizes = (0..<count).map { _ in Value(random.pick(keeps ? [3, 5] : [1, 3, 5])) }
            return [
                "in_channels": Value(scene.channels), "out_channels": random.whole(1...9),
                "kernel_size": .array(sizes), "stride": random.whole(1...2),
                "keep_3x3": .bool(keeps), "split_input": .bool(splits),
                "rd_channels": random.whole(1...5),
            ]
        },
        "SplitAttention": LayerRecipe { random, scene in
            let groups = random.divisor(of: scene.channels)
            let radix = [1, 2, 3].last { scene.channels % (groups * $0) == 0 } ?? 1
            return [
                "in_channels": Value(scene.channels),
                "out_channels": Value(groups * random.int(1...3)), "groups": Value(groups),
                "radix": Value(radix), "kernel_size": random.pick([1, 3, 5]),
                "stride": random.whole(1...2), "bias": random.flag(),
                "rd_channels": Value(groups * random.int(1...2)),
                "norm_layer": random.percent(70) ? "batchnorm" : .null,
            ]
        },
        "ConvBlock": LayerRecipe { random, scene in
            let outputs = random.int(1...9)
            var values: LayerValues = [
                "in_channels": Value(scene.channels), "out_channels": Value(outputs),
                "kernel_size": random.pick([1, 3, 5]), "stride": random.pair(1...2),
                "act_layer": random.activation(), "apply_norm": random.flag(),
                "bias": random.flag(),
            ]
            if random.percent(40) {
                values["attn"] = [
                    "layer": "SqueezeExcitation", "variant": "timm", "channels": Value(outputs),
                ]
            }
            if random.percent(30) {
                values["act"] = ["layer": "PReLU", "num_parameters": Value(outputs)]
            }
            return values
        },
    ]
}
