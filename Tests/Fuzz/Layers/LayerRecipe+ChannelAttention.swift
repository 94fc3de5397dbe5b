import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Attention to channels. Kernel sizes must be odd, extents even.
    static let channelAttention: [String: LayerRecipe] = [
        "EfficientChannelAttention": LayerRecipe { random, scene in neighbours(&random, scene) },
        "StyleRecalibration": LayerRecipe { random, scene in
            [
                "channel": Value(scene.channels),
                "variant": random.pick(["official", "grouped"]),
            ]
        },
        "GatedChannelTransformation": LayerRecipe { random, scene in
            [
                "num_channels": Value(scene.channels), "mode": random.pick(["l1", "l2"]),
                "after_relu": random.flag(), "epsilon": random.pick([.number(1e-5), .number(0.5)]),
            ]
        },
        "GlobalContext": LayerRecipe { random, scene in context(&random, scene) },
        "GatherExcite": LayerRecipe { random, scene in gather(&random, scene) },
        "ConcurrentSqueezeExcitation": LayerRecipe { random, scene in
            [
                "in_channels": Value(scene.channels),
                "reduction": random.whole(1...scene.channels), "takes_larger": random.flag(),
            ]
        },
        "ChannelAttention": LayerRecipe { random, scene in
            [
                "channels": Value(scene.channels), "reduction": random.whole(1...20),
                "form": random.pick(["mean", "mean_and_deviation", "convolution"]),
            ]
        },
    ]

    private static func neighbours(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> LayerValues {
        switch random.int(0...3) {
        case 0:
            return ["variant": "official", "channel": 1, "k_size": random.pick([1, 3, 9])]
        case 1:
            return adaptive(&random, scene).merging([
                "variant": "circular", "act_layer": random.pick([.null, "relu"]),
                "gate_layer": random.activation(),
            ]) { $1 }
        case 2:
            return [
                "variant": "timm", "channels": Value(scene.channels), "use_mlp": true,
                "rd_channels": random.whole(1...9), "gate_layer": random.activation(),
                "act_layer": random.activation(),
            ]
        default:
            return adaptive(&random, scene).merging([
                "variant": "timm", "gate_layer": random.activation(),
            ]) { $1 }
        }
    }

    /// A kernel size, or what it follows from.
    private static func adaptive(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> LayerValues {
        guard random.percent(50) else { return ["kernel_size": random.pick([1, 3, 5, 7])] }
        return [
            "channels": Value(scene.channels), "gamma": random.whole(1...3),
            "beta": random.whole(-2...4),
        ]
    }

    private static func context(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> LayerValues {
        let channels = Value(scene.channels)
        if random.percent(50) {
            let fusions: [Value] = [
                ["channel_add"], ["channel_mul"], ["channel_add", "channel_mul"],
            ]
            return [
                "variant": "mmcv", "in_channels": channels, "ratio": random.whole(1...2),
                "pooling_type": random.pick(["att", "avg"]), "fusion_types": random.pick(fusions),
            ]
        }
        let adds = random.percent(50)
        return [
            "variant": "timm", "channels": channels, "use_attn": random.flag(),
            "fuse_add": .bool(adds), "fuse_scale": .bool(!adds || random.percent(50)),
            "rd_divisor": random.whole(1...4), "act_layer": random.activation(),
            "gate_layer": random.activation(),
        ]
    }

    private static func gather(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> LayerValues {
        var values: LayerValues = [
            "channels": Value(scene.channels), "use_mlp": false,
            "act_layer": random.activation(), "gate_layer": random.activation(),
            "norm_layer": random.pick([.null, "batchnorm2d"]),
        ]
        if random.percent(50) {
            values["use_mlp"] = true
            values["rd_channels"] = random.whole(1...5)
        }
        switch random.int(0...3) {
        case 0:
            values["extra_params"] = true
            values["feat_size"] = [Value(scene.height), Value(scene.width)]
        case 1:
            values["extra_params"] = true
            values["extent"] = random.pick([2, 4, 8])
        case 2:
            values["extent"] = random.pick([2, 4, 6, 8])
            values["add_maxpool"] = random.flag()
        default: values["add_maxpool"] = random.flag()
        }
        return values
    }
}
