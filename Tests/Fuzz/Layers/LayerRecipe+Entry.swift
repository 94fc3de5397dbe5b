import Protean
import ProteanCatalogue

extension LayerRecipe {
    /// The recipe that a layer's entry gives: random sizes for the keys of its benchmark's cases, and
    /// some of its truth values turned round.
    init(_ entry: LayerEntry, _ generic: LayerBenchmark.Generic) {
        self.init { random, scene in
            var sizes: LayerValues = [:]
            let optional = generic.optionalKeys.filter { _ in random.percent(50) }
            for key in generic.requiredKeys.union(optional).sorted() {
                sizes[key] = random.size(key, scene)
            }
            if sizes["groups"] != nil {
                sizes["k"] = sizes["k"].map { _ in
                    Value(sizes.int("groups") * random.int(1...3))
                }
            }
            let sample = try generic.sample(CaseSizes(sizes))
            var values = sample.configuration
            for key in entry.keys where values[key.name] == nil && random.percent(20) {
                if case .bool(let fallback)? = key.fallback { values[key.name] = .bool(!fallback) }
            }
            return Draw(
                values: values,
                shapes: sample.inputs.mapValues { input in
                    input.isMap ? MapLayout.nchw.fromLibrary(shape: input.shape) : input.shape
                },
                inputs: sample.inputs)
        }
    }
}

extension LayerCaseRandom {
    /// A value for a key of the case grammar.
    fileprivate mutating func size(_ key: String, _ scene: LayerScene) -> Value {
        switch key {
        case "n": Value(scene.batch)
        case "h": Value(scene.height)
        case "w": Value(scene.width)
        case "c": Value(scene.channels)
        case "k": whole(1...9)
        case "r", "rh", "rw": whole(1...3)
        case "stride", "dilation": whole(1...2)
        case "pad": whole(0...1)
        case "groups": Value(divisor(of: scene.channels))
        case "density", "changed": .number(Double(int(0...4)) / 4)
        case "seed": whole(1...99)
        default: whole(1...4)
        }
    }
}
