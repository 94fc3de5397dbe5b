import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Attention with gates per pixel, per strip or per element.
    static let spatialAttention: [String: LayerRecipe] = [
        "ESA": LayerRecipe { random, scene in
            let narrow = random.int(1...5)
            return random.percent(50)
                ? ["esa_channels": Value(narrow), "n_feats": Value(scene.channels)]
                : ["variant": "rfdn", "n_feats": Value(4 * narrow + random.int(0...3))]
        } inputs: { random, scene, values in
            // Some are too small.
            let size = [random.int(14...27), random.int(14...27)]
            return ["x": [scene.batch, values.int("n_feats")] + size]
        },
        "BAM": LayerRecipe { random, _ in
            ["gate_channel": random.whole(16...50)]
        } inputs: { _, scene, values in
            ["x": [scene.batch, values.int("gate_channel"), scene.height, scene.width]]
        },
        "CoordinateAttention": LayerRecipe { random, scene in coordinate(&random, scene) },
        "SpatialGroupEnhance": LayerRecipe { random, scene in
            ["groups": Value(random.divisor(of: scene.channels))]
        },
        "TripletAttention": LayerRecipe { random, _ in
            ["variant": random.pick(["current", "original"]), "no_spatial": random.flag()]
        },
        "CBAM": LayerRecipe { random, scene in cbam(&random, scene) },
        "PixelAttention": LayerRecipe { _, scene in ["nf": Value(scene.channels)] },
    ]

    private static func cbam(_ random: inout LayerCaseRandom, _ scene: LayerScene) -> LayerValues {
        let channels = Value(scene.channels)
        if random.percent(40) {
            return [
                "gate_channels": channels,
                "reduction_ratio": random.whole(1...min(4, scene.channels)),
                "pool_types": random.pick([["avg", "max"], ["max", "avg"], ["avg"], ["max"]]),
                "no_spatial": .bool(random.percent(25)),
            ]
        }
        var values: LayerValues = [
            "variant": random.pick(["timm", "timm_light"]), "channels": channels,
            "rd_channels": random.percent(50) ? .null : random.whole(1...4),
            "spatial_kernel_size": random.pick([1, 3, 5, 7]), "act_layer": random.activation(),
            "mlp_bias": random.flag(),
        ]
        if values["variant"] == "timm" {
            values["gate_layer"] = random.pick(["sigmoid", "hard_sigmoid"])
        }
        return values
    }

    private static func coordinate(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> LayerValues {
        let channels = Value(scene.channels)
        if random.percent(40) {
            return ["inp": channels, "oup": channels, "reduction": random.whole(1...32)]
        }
        var values: LayerValues = [
            "variant": random.pick(["timm", "timm_simple"]), "channels": channels,
            "rd_channels": random.percent(50) ? .null : random.whole(1...9),
            "act_layer": random.activation(), "bias": random.flag(),
        ]
        if values["variant"] == "timm" {
            values["gate_layer"] = random.pick(["sigmoid", "hard_sigmoid"])
        }
        return values
    }
}
