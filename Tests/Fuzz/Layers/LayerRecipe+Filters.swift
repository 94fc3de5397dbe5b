import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Layers with a filter per pixel. Kernel sizes must be odd.
    static let filters: [String: LayerRecipe] = [
        "Involution2d": LayerRecipe { random, scene in
            [
                "channels": Value(scene.channels), "kernel_size": random.pick([1, 3, 5, 7]),
                "stride": random.percent(70) ? 1 : 2,
                "reduction_ratio": random.whole(1...scene.channels),
                "group_channels": Value(random.divisor(of: scene.channels)),
            ]
        },
        "DecoupledDynamicFilterPack": LayerRecipe { random, scene in
            [
                "in_channels": Value(scene.channels), "kernel_size": random.pick([3, 5]),
                "stride": random.percent(70) ? 1 : 2, "dilation": random.whole(1...2),
                "head": Value(random.divisor(of: scene.channels)), "se_ratio": 1,
                "nonlinearity": random.pick(["relu", "linear", "tanh"]),
                "kernel_combine": random.pick(["mul", "add"]),
            ]
        },
        "DynamicLocalFilter": LayerRecipe { random, scene in
            [
                "filter_size": random.pick([1, 3, 5, 7, 9]), "softmax": random.flag(),
                "groups": Value(random.divisor(of: scene.channels)),
            ]
        } inputs: { _, scene, values in
            let taps = values.int("filter_size") * values.int("filter_size")
            let filters = taps * values.int("groups")
            return [
                "x": scene.map, "filters": [scene.batch, filters, scene.height, scene.width],
            ]
        },
        "CARAFE": LayerRecipe { random, scene in
            [
                "kernel_size": random.pick([1, 3, 5]), "scale_factor": random.whole(1...3),
                "group_size": Value(random.divisor(of: scene.channels)),
            ]
        } inputs: { _, scene, values in
            let side = values.int("kernel_size"), factor = values.int("scale_factor")
            let filters = side * side * values.int("group_size")
            return [
                "x": scene.map,
                "mask": [scene.batch, filters, scene.height * factor, scene.width * factor],
            ]
        },
        "CARAFEUpsample": LayerRecipe { random, scene in
            [
                "channels": Value(scene.channels), "scale_factor": random.whole(1...3),
                "up_kernel": random.pick([1, 3, 5]),
                "up_group": Value(random.divisor(of: scene.channels)),
                "encoder_kernel": random.pick([1, 3]), "encoder_dilation": random.whole(1...2),
                "compressed_channels": random.whole(1...9),
            ]
        },
        "DecoupledDynamicFilter": LayerRecipe { random, scene in
            let isStrided = scene.height % 2 == 0 && scene.width % 2 == 0
            return [
                "kernel_size": random.pick([3, 5]), "dilation": random.whole(1...2),
                "stride": isStrided ? random.whole(1...2) : 1,
                "head": Value(random.divisor(of: scene.channels)),
                "kernel_combine": random.pick(["mul", "add"]),
            ]
        } inputs: { _, scene, values in
            let side = values.int("kernel_size"), stride = values.int("stride")
            let filters = side * side * values.int("head")
            return [
                "x": scene.map, "channel_filter": [scene.batch, scene.channels, side, side],
                "spatial_filter": [
                    scene.batch, filters, scene.height / stride, scene.width / stride,
                ],
            ]
        },
    ]
}
