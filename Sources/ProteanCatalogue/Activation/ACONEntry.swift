import Protean

extension LayerEntry {
    static let acon = LayerEntry(
        "ACON", family: .activation,
        reference: "AconC of ACON's authors",
        summary: .fixed("a smooth maximum of two linear functions per channel"),
        papers: ["2009.04759"],
        keys: [.required("width", "channels C", aliases: "inputChannels", "channels")],
        weights: [.init("p1, p2, beta", "[1, C, 1, 1] each")],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["acon", "acon_one"],
        benchmark: .generic("acon", "h=56 w=56 c=96") { sizes in
            LayerSample(["width": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(try ACON(channels: configuration.int("width")))
    }
}
