import Protean

extension LayerEntry {
    static let metaACON = LayerEntry(
        "MetaACON", family: .activation,
        reference: "MetaAconC of ACON's authors",
        summary: .dynamic("the switch between a linear and a non-linear activation, per channel"),
        papers: ["2009.04759"],
        keys: [
            .required("width", "channels C", aliases: "inputChannels", "channels"),
            .optional("r", 16, "C over hidden width S, and the least S", aliases: "reduction"),
        ],
        weights: [
            .init("p1, p2", "[1, C, 1, 1] each"),
            .init("fc1.*, bn1.*", "[S, C, 1, 1], [S]; batch norm of S"),
            .init("fc2.*, bn2.*", "[C, S, 1, 1], [C]; batch norm of C"),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["meta_acon", "meta_acon_reduction"],
        benchmark: .generic("meta_acon", "h=56 w=56 c=96") { sizes in
            LayerSample(["width": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try MetaACON(
                channels: configuration.int("width"), reduction: configuration.positive("r")))
    }
}
