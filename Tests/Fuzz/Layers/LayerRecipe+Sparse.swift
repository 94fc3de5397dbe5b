import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Layers that compute some of their outputs, and units that decide which.
    static let sparse: [String: LayerRecipe] = [
        "MaskedConv2d": LayerRecipe { random, scene in
            var values = random.convolution(scene, named: true)
            let fits =
                values["kernel_size"] == 3 && values["stride"] == 1 && values["groups"] == 1
                && values["dilation"] == 1 && scene.channels * values.int("out_channels") > 1
            values["algorithm"] = .string(
                random.pick(["auto", "direct", "dense"] + (fits ? ["winograd"] : [])))
            return values
        } inputs: { _, scene, values in
            let (height, width) = values.output(scene)
            return ["x": scene.map, "mask": [scene.batch, 1, height, width]]
        },
        "SubmanifoldConv2d": LayerRecipe { random, scene in
            var values = random.convolution(scene)
            values["kernel_size"] = random.pick([1, 3, [1, 3], 5])
            values["stride"] = nil
            values["padding"] = nil
            return values
        } inputs: { _, scene, _ in
            masked(scene)
        },
        "PointRefine": LayerRecipe { random, scene in
            [
                "input_channels": Value(scene.channels), "num_classes": random.whole(1...4),
                "fc_dim": random.whole(1...9), "num_fc": random.whole(0...3),
                "coarse_pred_each_layer": random.flag(), "subdivision_steps": random.whole(0...3),
                "subdivision_num_points": random.whole(0...20),
            ]
        } inputs: { random, scene, values in
            [
                "x": scene.map,
                "coarse": [
                    scene.batch, values.int("num_classes"), random.int(1...5), random.int(1...5),
                ],
            ]
        },
        "SparseBlocksConv": LayerRecipe { random, scene in
            var values = random.convolution(scene)
            let k = values.pair("kernel_size"), d = values.pair("dilation")
            let s = values.pair("stride")
            values["bsize"] = [
                Value(d.height * (k.height - 1) + 1 + s.height * random.int(0...2)),
                Value(d.width * (k.width - 1) + 1 + s.width * random.int(0...2)),
            ]
            values["avgpool"] = random.flag()
            values["add"] = random.flag()
            return values
        } inputs: { random, scene, values in
            let (height, width) = values.output(scene)
            var shapes = masked(scene)
            if random.percent(50) {
                shapes["base"] = [scene.batch, values.int("out_channels"), height, width]
            }
            return shapes
        },
        "PerforatedConv2d": LayerRecipe { random, scene in
            var values = random.convolution(scene)
            values["mask"] = random.pick(["given", "impact", "pooling_structure"])
            if values["mask"] != "given" { values["rate"] = .number(0.4) }
            return values
        } inputs: { _, scene, values in
            let (height, width) = values.output(scene)
            switch values["mask"] {
            case "given": return ["x": scene.map, "mask": [height, width]]
            case "impact": return ["x": scene.map, "scores": [height, width]]
            default: return ["x": scene.map]
            }
        },
        "LowCostCollaborativeConv2d": LayerRecipe { random, scene in
            [
                "in_channels": Value(scene.channels), "out_channels": random.whole(1...9),
                "kernel_size": random.pick([1, 3, [3, 1]]), "stride": random.pair(1...2),
                "low_cost": random.pick(["shared", "pointwise"]),
                "low_cost_kernel_size": random.pick([1, 3]),
            ]
        },
        "DeltaConv2d": LayerRecipe { random, scene in
            random.convolution(scene).merging(changes(&random)) { $1 }
        },
        "DeltaSequential": LayerRecipe { random, scene in
            var values = changes(&random)
            let middle = random.int(1...6)
            values["layers"] = [
                .object([
                    "layer": "Conv2d", "in_channels": Value(scene.channels),
                    "out_channels": Value(middle), "kernel_size": 3, "padding": 1,
                ]),
                .object(["layer": "BatchNorm2d", "num_features": Value(middle)]), "relu",
                .object([
                    "layer": "Conv2d", "in_channels": Value(middle), "out_channels": 2,
                    "kernel_size": 1,
                ]),
            ]
            return values
        },
        "DynConvMaskUnit": LayerRecipe { random, scene in
            [
                "channels": Value(scene.channels), "stride": random.whole(1...2),
                "kind": random.pick(["squeeze", "pointwise"]),
            ]
        },
        "LASNetMaskUnit": LayerRecipe { random, scene in
            let stride = random.int(1...2)
            let (height, width) = ((scene.height - 1) / stride + 1, (scene.width - 1) / stride + 1)
            let cell = random.int(1...min(height, width))
            return [
                "in_channels": Value(scene.channels), "dilate_stride": Value(stride),
                "feature_size": [Value(height), Value(width)],
                "mask_size": [Value(height / cell), Value(width / cell)],
            ]
        },
        "DGNetSpatialGate": LayerRecipe { random, scene in
            let cell = random.whole(1...4)
            return [
                "planes": Value(scene.channels), "h": random.whole(1...12),
                "w": random.whole(1...12), "block_w": cell, "block_h": cell,
                "bias": random.pick([-1, 1]),
            ]
        },
        "NormGate": LayerRecipe { random, _ in
            [
                "kernel_size": random.pair(1...3), "stride": random.pair(1...2),
                "padding": random.pair(0...1), "type": random.pick(["output", "input"]),
                "divisor": random.pick([.null, 2]),
            ]
        } inputs: { random, scene, values in
            let k = values.pair("kernel_size")
            let groups = random.divisor(of: scene.channels)
            return values["type"] == "input"
                ? ["x": scene.map]
                : [
                    "x": scene.map,
                    "w": [groups * 2, scene.channels / groups, k.height, k.width],
                ]
        },
    ]

    private static func masked(_ scene: LayerScene) -> [String: [Int]] {
        ["x": scene.map, "mask": [scene.batch, 1, scene.height, scene.width]]
    }

    private static func changes(_ random: inout LayerCaseRandom) -> LayerValues {
        [
            "delta_threshold": random.pick([0, .number(0.5)]),
            "norm": random.pick(["max", "l1", "l2"]),
        ]
    }
}
