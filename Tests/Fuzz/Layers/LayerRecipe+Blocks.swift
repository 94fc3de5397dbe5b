import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Residual blocks and modules of several layers.
    static let blocks: [String: LayerRecipe] = [
        "DynConvBottleneck": LayerRecipe { random, scene in
            var values = residual(&random, scene, expansion: 4)
            let groups = random.int(1...2)
            values["groups"] = Value(groups)
            values["base_width"] = random.pick([64, 128])
            values["dilation"] = random.whole(1...2)
            return values
        },
        "DynConvBasicBlock": LayerRecipe { random, scene in
            residual(&random, scene, expansion: 1)
        },
        "DynConvInvertedResidual": LayerRecipe { random, scene in
            [
                "inp": Value(scene.channels), "oup": Value(scene.channels),
                "expand_ratio": random.pick([2, 3, 6]),
                "kind": random.pick(["pointwise", "squeeze"]),
            ]
        },
        "SpatiallyAdaptiveComputationTime": LayerRecipe { random, scene in
            let unit = random.pick(["bottleneck", "basic"])
            var values = residual(&random, scene, expansion: unit == "basic" ? 1 : 4)
            values["unit"] = .string(unit)
            values["units"] = random.whole(1...4)
            return values
        },
        "SpatiallyAdaptiveBottleneck": LayerRecipe { random, scene in
            var values = residual(&random, scene, expansion: 4)
            values["dilation"] = random.whole(1...2)
            if random.percent(70) { values["gaussian_kernel"] = random.pick([1, 3, 7, 9]) }
            if random.percent(70) { values["grid_prior_interval"] = random.whole(1...12) }
            return values
        },
        "SparseMaskBlock": LayerRecipe { random, scene in
            let channels = Value(scene.channels)
            return [
                "in_channels": channels, "out_channels": channels, "n_layers": random.whole(1...4),
            ]
        } inputs: { _, scene, _ in
            ["x": scene.map, "mask": [scene.batch, 1, scene.height, scene.width]]
        },
        "SparseMaskModule": LayerRecipe { random, _ in
            let channels = Value(random.pick([16, 20, 32]))
            return ["in_channels": channels, "out_channels": channels]
        } inputs: { random, scene, values in
            [
                "x": [
                    scene.batch, values.int("in_channels"), 2 * random.int(1...5),
                    2 * random.int(1...5),
                ]
            ]
        },
    ]

    /// A shortcut that changes nothing only where the channels fit.
    private static func residual(
        _ random: inout LayerCaseRandom, _ scene: LayerScene, expansion: Int
    ) -> LayerValues {
        let fits = scene.channels % expansion == 0 && random.percent(50)
        let stride = fits ? 1 : random.int(1...2)
        return [
            "inplanes": Value(scene.channels),
            "planes": fits ? Value(scene.channels / expansion) : random.whole(1...5),
            "stride": Value(stride), "downsample": fits ? random.pick([.null, false]) : true,
        ]
    }
}
