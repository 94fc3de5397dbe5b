import Protean

extension LayerEntry {
    static let sequential = LayerEntry(
        "Sequential", family: .containers, reference: "torch.nn.Sequential",
        summary: .fixed(
            "composition; a convolution, its norm and its activation become one kernel"),
        keys: [.required("layers", "in order, each " + ConfigurationKey.nestedLayer)],
        inputs: [.containerInput],
        weights: [.init("i.*", "those of layer i = 0, 1, ...", optional: true)],
        outputs: [.containerOutput],
        golden: ["sequential", "sequential_nested", "sequential_empty"],
        benchmark: .generic("sequential", "h=28 w=28 c=64 k=64 r=3") { sizes in
            LayerSample(
                [
                    "layers": [
                        .object(try sizes.convolution.merging(["layer": "Conv2d"]) { $1 }),
                        ["layer": "BatchNorm2d", "num_features": sizes["k"]], "relu",
                    ]
                ],
                inputs: ["x": .map(try sizes.map)])
        },
        parts: ["Gated", "MultiInputSequential", "SelfConditioned", "StatefulSequential"]
    ) { configuration in
        let parts = try configuration.layers("layers")
        let layer = try Sequential(parts.map(\.layer))
        return BuiltLayer(container: layer, keyMap: .parts(parts.map(\.keyMap)))
    }
}
