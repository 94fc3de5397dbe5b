import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Layers that sample their input or their kernel at computed or given places.
    static let sampling: [String: LayerRecipe] = [
        "DeformableConv2d": LayerRecipe { random, scene in
            random.convolution(scene)
        } inputs: { random, scene, values in
            let (height, width) = values.output(scene), k = values.pair("kernel_size")
            let taps = k.height * k.width * random.divisor(of: scene.channels)
            var shapes = ["x": scene.map, "offset": [scene.batch, 2 * taps, height, width]]
            if random.percent(50) { shapes["mask"] = [scene.batch, taps, height, width] }
            return shapes
        },
        "DeformableConv2dPack": LayerRecipe(deformablePack),
        "ModulatedDeformableConv2d": LayerRecipe(deformablePack),
        "ActiveConv2d": LayerRecipe { random, scene in
            let groups = random.int(1...2), k = random.int(1...4)
            return [
                "in_channels": Value(scene.channels),
                "num_output": Value(groups * random.int(1...4)), "kernel_size": Value(k),
                "stride": random.whole(1...2), "pad": random.whole(1...2),
                "position_group": Value(groups), "bias_term": random.flag(),
            ]
        },
        "DCNv3": LayerRecipe { random, _ in
            var values = aggregation(&random)
            values["norm_layer"] = random.pick(["LN", "BN"])
            return values
        } inputs: { _, scene, values in
            aggregated(scene, values)
        },
        "DCNv4": LayerRecipe { random, _ in
            var values = aggregation(&random)
            values["output_bias"] = random.flag()
            values["without_pointwise"] = random.flag()
            return values
        } inputs: { _, scene, values in
            aggregated(scene, values)
        },
        "DeformableKernelConv2d": LayerRecipe { random, scene in
            var values = sampledKernel(&random, scene)
            values["rotation_groups"] = Value(random.divisor(of: scene.channels))
            values["rotation_clip"] = random.pick([.null, "scope"])
            return values
        },
        "DisplacedDeformableKernelConv2d": LayerRecipe { random, scene in
            sampledKernel(&random, scene)
        },
        "GlobalDeformableKernelConv2d": LayerRecipe { random, scene in
            var values = sampledKernel(&random, scene)
            let groups = random.divisor(of: scene.channels)
            values["groups"] = Value(groups)
            values["out_planes"] = Value(groups * random.int(1...3))
            return values
        },
        "GridSample": LayerRecipe { random, _ in
            sampler(&random)
        } inputs: { random, scene, values in
            guard values["mode"] != "bicubic", random.percent(40) else {
                return ["x": scene.map, "grid": [scene.batch, random.int(1...5), 3, 2]]
            }
            return [
                "x": [scene.batch, scene.channels, 2, scene.height, scene.width],
                "grid": [scene.batch, 2, random.int(1...5), 3, 3],
            ]
        },
        "AffineGrid": LayerRecipe { random, scene in
            let depth: [Value] = random.percent(50) ? [2] : []
            return [
                "size": .array(
                    [Value(scene.batch), Value(scene.channels)] + depth
                        + [Value(scene.height), Value(scene.width)]),
                "align_corners": random.flag(),
            ]
        } inputs: { _, scene, values in
            guard case .array(let size)? = values["size"], size.count == 5 else {
                return ["theta": [scene.batch, 2, 3]]
            }
            return ["theta": [scene.batch, 3, 4]]
        },
        "SpatialTransformer": LayerRecipe { random, _ in
            sampler(&random)
        } inputs: { _, scene, _ in
            ["x": scene.map, "theta": [scene.batch, 2, 3]]
        },
        "RoIAlign": LayerRecipe { random, _ in
            [
                "output_size": random.pair(1...4), "spatial_scale": .number(0.5),
                "sampling_ratio": random.whole(0...3), "aligned": random.flag(),
            ]
        } inputs: { random, scene, _ in
            ["x": scene.map, "boxes": [boxes(&random, scene), 5]]
        },
        "DeformRoIPool": LayerRecipe { random, _ in
            ["output_size": random.pair(1...4), "sampling_ratio": random.whole(0...3)]
        } inputs: { random, scene, values in
            let count = boxes(&random, scene), bins = values.pair("output_size")
            var shapes = ["x": scene.map, "rois": [count, 5]]
            if random.percent(60) { shapes["offset"] = [count, 2, bins.height, bins.width] }
            return shapes
        },
    ]

    /// An empty batch has no sample for a box.
    private static func boxes(_ random: inout LayerCaseRandom, _ scene: LayerScene) -> Int {
        scene.batch == 0 ? 0 : random.int(0...4)
    }

    private static func deformablePack(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> LayerValues {
        var values = random.convolution(scene)
        values["deform_groups"] = Value(random.divisor(of: scene.channels))
        return values
    }

    private static func aggregation(_ random: inout LayerCaseRandom) -> LayerValues {
        let groups = random.int(1...4), k = random.pick([1, 3, 3, 5])
        return [
            "channels": Value(groups * random.pick([1, 3, 4, 8, 16])), "kernel_size": Value(k),
            "dw_kernel_size": random.pick([.null, 3, 5]), "pad": Value((k - 1) / 2),
            "group": Value(groups), "offset_scale": random.pick([1, 2]),
            "center_feature_scale": random.flag(),
            "remove_center": .bool(k > 1 && random.percent(40)),
        ]
    }

    private static func aggregated(_ scene: LayerScene, _ values: LayerValues) -> [String: [Int]] {
        ["x": [scene.batch, values.int("channels"), scene.height, scene.width]]
    }

    private static func sampledKernel(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> LayerValues {
        let channels = Value(scene.channels)
        return [
            "weight_shape": [random.whole(1...4), random.whole(1...4)], "in_planes": channels,
            "out_planes": channels, "groups": channels, "kernel_size": random.whole(1...3),
            "stride": random.whole(1...2), "padding": random.whole(0...2),
            "dilation": random.percent(80) ? 1 : 2,
        ]
    }

    private static func sampler(_ random: inout LayerCaseRandom) -> LayerValues {
        [
            "mode": random.pick(["bilinear", "nearest", "bicubic"]),
            "padding_mode": random.pick(["zeros", "border", "reflection"]),
            "align_corners": random.flag(),
        ]
    }
}
