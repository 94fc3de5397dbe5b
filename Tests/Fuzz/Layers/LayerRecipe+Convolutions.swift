import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Convolutions, norms, pooling and gates.
    static let convolutions: [String: LayerRecipe] = [
        "Conv2d": LayerRecipe { random, scene in
            var values = random.convolution(scene, named: true)
            let fits =
                values["kernel_size"] == 3 && values["stride"] == 1 && values["groups"] == 1
                && values["dilation"] == 1
                && scene.channels * values.int("out_channels") > 1
            values["algorithm"] = .string(
                random.pick(
                    ["auto", "direct"] + (fits ? ["winograd", "winograd4x4", "winograd6x6"] : [])))
            return values
        },
        "Linear": LayerRecipe { random, scene in
            [
                "in_features": Value(scene.channels), "out_features": random.whole(1...40),
                "bias": random.flag(),
            ]
        } inputs: { random, scene, _ in
            ["x": [scene.batch] + (random.percent(50) ? [scene.height] : []) + [scene.channels]]
        },
        "BatchNorm2d": LayerRecipe { random, scene in
            ["num_features": Value(scene.channels), "affine": random.flag()]
        },
        "MaxPool2d": LayerRecipe { random, _ in
            [
                "kernel_size": random.pair(2...3), "stride": random.pair(1...3),
                "padding": random.pair(0...1), "dilation": random.percent(80) ? 1 : 2,
                "ceil_mode": random.flag(),
            ]
        },
        "AvgPool2d": LayerRecipe { random, _ in
            [
                "kernel_size": random.pair(2...3),
                "stride": random.percent(30) ? .null : random.pair(1...3),
                "padding": random.pair(0...1), "ceil_mode": random.flag(),
                "count_include_pad": random.flag(),
                "divisor_override": random.percent(80) ? .null : random.whole(1...9),
            ]
        },
        "AdaptiveAvgPool2d": LayerRecipe { random, _ in
            ["output_size": random.percent(20) ? .array([.null, 2]) : random.pair(1...13)]
        },
        "CondConv2d": LayerRecipe { random, scene in
            var values = random.convolution(scene)
            if random.percent(30) { values["padding"] = "" }
            values["num_experts"] = random.whole(1...5)
            values["routing"] = random.pick(["given", "sigmoid"])
            return values
        } inputs: { _, scene, values in
            values["routing"] == "given"
                ? ["x": scene.map, "routing_weights": [scene.batch, values.int("num_experts")]]
                : ["x": scene.map]
        },
        "DynamicConv2d": LayerRecipe { random, scene in
            var values = random.convolution(scene, named: true).planes()
            values["K"] = random.whole(1...5)
            values["ratio"] = random.pick([.number(0), .number(0.25), .number(2)])
            values["temperature"] = random.pick([1, 34, .number(0.3)])
            return values
        },
        "ODConv2d": LayerRecipe { random, scene in
            var values = random.convolution(scene, bias: false, named: true).planes()
            values["kernel_size"] = random.whole(1...3)
            values["kernel_num"] = random.whole(1...4)
            values["reduction"] = random.pick([.number(0.0625), .number(3)])
            return values
        },
        "ContrastAwareChannelAttention": LayerRecipe { random, scene in
            ["channel": Value(scene.channels), "reduction": random.whole(1...scene.channels)]
        },
        "SqueezeExcitation": LayerRecipe { random, scene in squeeze(&random, scene) },
        "AdaptivelyConnectedConv2d": LayerRecipe { random, scene in
            let stride = random.int(1...2)
            var values: LayerValues = [
                "in_channels": Value(scene.channels), "filters": random.whole(1...9),
                "strides": Value(stride), "variant": "pixel-aware",
                "use_bias": random.pick([.null, true, false]),
            ]
            if random.percent(50) {
                values["variant"] = "dataset-aware"
                values["size"] = [
                    Value((scene.height - 1) / stride + 1), Value((scene.width - 1) / stride + 1),
                ]
            }
            return values
        },
    ]

    private static func squeeze(_ random: inout LayerCaseRandom, _ scene: LayerScene) -> LayerValues
    {
        let channels = Value(scene.channels)
        switch random.int(0...5) {
        case 0:
            return [
                "variant": "timm", "channels": channels, "rd_divisor": random.pick([1, 4, 8]),
                "rd_ratio": .number(0.25), "add_maxpool": random.flag(), "bias": random.flag(),
                "act_layer": random.activation(), "gate_layer": random.activation(),
                "norm_layer": random.pick([.null, "batchnorm2d"]),
            ]
        case 1:
            return [
                "variant": "torchvision", "input_channels": channels,
                "squeeze_channels": random.whole(1...9), "activation": random.activation(),
                "scale_activation": random.activation(),
            ]
        case 2:
            return [
                "variant": "timm_efficientnet", "in_chs": channels,
                "rd_channels": random.whole(1...9), "act_layer": random.activation(),
            ]
        case 3:
            return [
                "variant": "effective", "channels": channels, "add_maxpool": random.flag(),
                "gate_layer": random.activation(),
            ]
        case 4:
            return [
                "variant": "caffe", "channels": channels,
                "reduction": random.whole(1...scene.channels),
            ]
        default:
            return [
                "variant": "linear", "channel": channels,
                "reduction": random.whole(1...scene.channels),
            ]
        }
    }
}

extension LayerValues {
    /// The channels under the names that some references give them.
    fileprivate func planes() -> LayerValues {
        var values = self
        values["in_planes"] = values.removeValue(forKey: "in_channels")
        values["out_planes"] = values.removeValue(forKey: "out_channels")
        return values
    }
}
