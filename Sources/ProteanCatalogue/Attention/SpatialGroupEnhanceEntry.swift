import Protean

extension LayerEntry {
    static let spatialGroupEnhance = LayerEntry(
        "SpatialGroupEnhance", family: .attention,
        reference: "implus/PytorchInsight SpatialGroupEnhance",
        summary: .dynamic("a gate per pixel and group of channels"),
        papers: ["1905.09646"],
        keys: [.optional("groups", 64, "groups G of channels")],
        weights: [.init("weight, bias", "[1, G, 1, 1]")],
        outputs: [.sameMap],
        golden: ["spatial_group_enhance", "spatial_group_enhance_groups"],
        benchmark: .generic("spatial_group_enhance", "h=28 w=28 c=256 groups=64") { sizes in
            LayerSample(["groups": sizes["groups"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(try SpatialGroupEnhance(groups: configuration.int("groups")))
    }
}
