import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// Norms of rows, resampling and layers that move numbers.
    static let basic: [String: LayerRecipe] = [
        "PReLU": LayerRecipe { random, scene in
            ["num_parameters": random.percent(50) ? 1 : Value(scene.channels)]
        } inputs: { random, scene, _ in
            rowsOrMap(&random, scene)
        },
        "LayerNorm": LayerRecipe { random, scene in
            random.percent(50)
                ? [
                    "variant": "timm", "num_channels": Value(scene.channels),
                    "affine": random.flag(),
                ]
                : [
                    "normalized_shape": Value(scene.channels), "bias": random.flag(),
                    "elementwise_affine": random.flag(),
                ]
        } inputs: { random, scene, values in
            if values["variant"] == "timm" { return ["x": scene.map] }
            return ["x": leadingAxes(&random, scene) + [scene.channels]]
        },
        "GlobalAveragePool2d": LayerRecipe { _, _ in [:] },
        "Softmax": LayerRecipe { random, _ in
            ["dim": random.percent(50) ? 1 : -1]
        } inputs: { random, scene, values in
            if values["dim"] == 1 { return rowsOrMap(&random, scene) }
            return ["x": leadingAxes(&random, scene) + [scene.channels]]
        },
        "LogSoftmax": LayerRecipe { random, _ in
            ["dim": random.percent(50) ? 1 : -1]
        } inputs: { random, scene, values in
            if values["dim"] == 1 { return rowsOrMap(&random, scene) }
            return ["x": leadingAxes(&random, scene) + [scene.channels]]
        },
        "Dropout": LayerRecipe { random, _ in
            ["p": .number(Double(random.int(0...4)) / 4), "inplace": random.flag()]
        } inputs: { random, scene, _ in
            ["x": leadingAxes(&random, scene)]
        },
        "Flatten": LayerRecipe { _, _ in
            ["start_dim": 1]
        } inputs: { random, scene, _ in
            ["x": random.percent(60) ? scene.map : leadingAxes(&random, scene)]
        },
        "PixelShuffle": LayerRecipe { random, _ in
            ["upscale_factor": random.whole(1...3)]
        } inputs: { _, scene, values in
            let factor = values.int("upscale_factor")
            return [
                "x": [scene.batch, scene.channels * factor * factor, scene.height, scene.width]
            ]
        },
        "PixelUnshuffle": LayerRecipe { random, _ in
            ["downscale_factor": random.whole(1...3)]
        } inputs: { _, scene, values in
            let factor = values.int("downscale_factor")
            return [
                "x": [scene.batch, scene.channels, scene.height * factor, scene.width * factor]
            ]
        },
        "Resize": LayerRecipe { random, _ in resize(&random) },
    ]

    /// The rows of the activations' table.
    static let activations: [String: LayerRecipe] = Dictionary(
        uniqueKeysWithValues: LayerCatalogue.entries.filter { $0.benchmark.kernel == "activation" }
            .map { ($0.name, activation($0)) })

    private static func activation(_ entry: LayerEntry) -> LayerRecipe {
        let keys = entry.keys.map(\.name)
        return LayerRecipe { random, _ in
            var values: LayerValues = [:]
            if keys.contains("inplace") { values["inplace"] = random.flag() }
            if keys.contains("negative_slope") {
                values["negative_slope"] = .number(Double(random.int(-2...6)) / 4)
            }
            if keys.contains("alpha") || keys.contains("beta") {
                values[keys.contains("alpha") ? "alpha" : "beta"] = .number(
                    Double(random.int(1...9)) / 4)
            }
            if keys.contains("threshold") {
                values["threshold"] = .number(Double(random.int(-4...80)) / 4)
            }
            if keys.contains("min_val") {
                let least = random.int(-9...9)
                values["min_val"] = .number(Double(least) / 4)
                values["max_val"] = .number(Double(least + random.int(1...9)) / 4)
            }
            if keys.contains("approximate") {
                values["approximate"] = random.pick(["none", "tanh"])
            }
            return values
        } inputs: { random, scene, _ in
            ["x": random.percent(60) ? scene.map : leadingAxes(&random, scene)]
        }
    }

    /// One to four axes.
    private static func leadingAxes(_ random: inout LayerCaseRandom, _ scene: LayerScene) -> [Int] {
        let axes = random.int(1...4)
        return Array([scene.batch, scene.height, scene.width, scene.channels].prefix(axes))
    }

    private static func rowsOrMap(
        _ random: inout LayerCaseRandom, _ scene: LayerScene
    ) -> [String: [Int]] {
        ["x": random.percent(40) ? [scene.batch, scene.channels] : scene.map]
    }

    private static func resize(_ random: inout LayerCaseRandom) -> LayerValues {
        let mode = random.pick(["nearest", "nearest-exact", "bilinear", "bicubic"])
        var values: LayerValues = ["mode": .string(mode)]
        if random.percent(50) {
            values["size"] = random.pair(1...19)
        } else {
            values["scale_factor"] = .number(Double(random.int(1...12)) / 4)
        }
        if !mode.hasPrefix("nearest") { values["align_corners"] = random.flag() }
        return values
    }
}
