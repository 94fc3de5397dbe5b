import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Activations and norms that depend on the input or on a condition.
    static let conditioned: [String: LayerRecipe] = [
        "DynamicReLU": LayerRecipe { random, scene in
            random.percent(50)
                ? [
                    "variant": "islanna", "channels": Value(scene.channels),
                    "type": random.pick([.null, "A", "B"]), "k": random.whole(1...4),
                    "reduction": random.whole(1...min(4, scene.channels)),
                ]
                : [
                    "variant": "dyhead", "inp": Value(scene.channels),
                    "use_spatial": random.pick([.null, true, false]),
                    "reduction": random.whole(1...min(4, scene.channels)),
                    "K2": random.flag(), "use_bias": random.flag(),
                    "oup": random.percent(50) ? .null : random.whole(1...9),
                ]
        } inputs: { _, scene, values in
            guard let outputs = values["oup"], outputs != .null else { return ["x": scene.map] }
            let map = [scene.batch, values.int("oup"), scene.height, scene.width]
            return ["x": map, "guide": scene.map]
        },
        "FReLU": LayerRecipe { random, scene in
            [
                "in_channels": Value(scene.channels), "form": random.pick(["full", "light"]),
                "kernel_size": Value(2 * random.int(0...3) + 1),
            ]
        },
        "FiLM": LayerRecipe { random, scene in
            random.percent(50)
                ? ["channels": Value(scene.channels)]
                : ["channels": Value(scene.channels), "condition_features": random.whole(1...5)]
        } inputs: { _, scene, values in
            guard values["condition_features"] != nil else {
                let rows = [scene.batch, scene.channels]
                return ["x": scene.map, "gammas": rows, "betas": rows]
            }
            return [
                "x": scene.map, "condition": [scene.batch, values.int("condition_features")],
            ]
        },
        "AdaptiveInstanceNorm2d": LayerRecipe { random, scene in
            switch random.int(0...2) {
            case 0: ["channels": Value(scene.channels)]
            case 1: ["variant": "given", "num_features": Value(scene.channels)]
            default:
                [
                    "variant": "linear", "num_features": Value(scene.channels),
                    "style_dim": random.whole(1...5),
                ]
            }
        } inputs: { _, scene, values in
            let rows = [scene.batch, scene.channels]
            switch values["variant"] {
            case "given": return ["x": scene.map, "weight": rows, "bias": rows]
            case "linear":
                return ["x": scene.map, "s": [scene.batch, values.int("style_dim")]]
            default: return ["x": scene.map, "style": scene.map]
            }
        },
    ]
}
