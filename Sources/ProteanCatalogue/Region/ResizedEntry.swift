import Protean

extension LayerEntry {
    static let resized = LayerEntry(
        "Resized", family: .region,
        reference: "torch.nn.functional.interpolate before a network",
        summary: .dynamic("at which resolution a network runs"),
        papers: ["2106.02898"],
        keys: [
            .required("size", "height and width that the network sees, n or [h, w]"),
            .required("network", ConfigurationKey.nestedLayer),
            .optional("index", 0, "number of the resolution among several"),
        ],
        inputs: [.containerInput],
        weights: [.init("network.*", "those of the network", optional: true)],
        outputs: [.containerOutput],
        golden: ["resized"],
        benchmark: .generic("resized", "h=28 w=28 c=64 r=14") { sizes in
            LayerSample(
                [
                    "size": sizes["r"],
                    "network": .object(try sizes.conv2d(kernelSize: 3, outputs: "c")),
                ],
                inputs: ["x": .map(try sizes.map)])
        },
        parts: ["ResolutionConvNorm"]
    ) { configuration in
        let network = try configuration.nestedLayer("network")
        let layer = try Resized(
            configuration.size("size"), network.layer, index: configuration.int("index"))
        return BuiltLayer(
            container: layer, keyMap: .parts([(name: "network", map: network.keyMap)]))
    }
}
