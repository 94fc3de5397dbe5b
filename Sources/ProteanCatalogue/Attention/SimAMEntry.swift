import Protean

extension LayerEntry {
    static let simAM = LayerEntry(
        "SimAM", family: .attention,
        reference: "ZjjConan/SimAM simam_module",
        summary: .dynamic("a gate per element, without parameters"),
        papers: [
            Paper(
                "SimAM: A Simple, Parameter-Free Attention Module (ICML 2021)",
                at: "https://proceedings.mlr.press/v139/yang21o.html")
        ],
        keys: [
            .optional("e_lambda", .number(1e-4), "added to the variance", aliases: "lambda")
        ],
        outputs: [.sameMap],
        golden: ["simam", "simam_empty", "simam_options"],
        benchmark: .generic("simam", "h=56 w=56 c=64") { sizes in
            LayerSample([:], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(try SimAM(lambda: Float(configuration.number("e_lambda"))))
    }
}
