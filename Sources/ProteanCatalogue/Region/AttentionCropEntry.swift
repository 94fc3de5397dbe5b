import Protean

extension LayerEntry {
    static let attentionCrop = LayerEntry(
        "AttentionCrop", family: .region,
        reference: "AttentionCropLayer of jeong-tae/RACNN-pytorch",
        summary: .dynamic("which region is looked at"),
        papers: [
            Paper(
                "Fu, Zheng, Mei, Look Closer to See Better, CVPR 2017",
                at: "https://openaccess.thecvf.com/content_cvpr_2017/html/"
                    + "Fu_Look_Closer_to_CVPR_2017_paper.html")
        ],
        keys: [.required("size", "height and width of the result, n or [h, w]")],
        inputs: [
            .init("x", "[B, C, N, N]"),
            .init("places", "[B, 3]: row and column of the centre, half the side; pixels"),
        ],
        outputs: [.init("y", "[B, C, h, w]")],
        golden: ["attention_crop"],
        benchmark: .generic("attention_crop", "h=112 c=3 r=56") { sizes in
            let side = try sizes.int("h")
            return LayerSample(
                ["size": sizes["r"]],
                inputs: [
                    "x": .map([try sizes.batch, side, side, try sizes.int("c")]),
                    "places": .plain([try sizes.batch, 3]),
                ])
        }
    ) { configuration in
        let layer = try AttentionCrop(size: configuration.size("size"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), places: inputs.plain("places")))]
        }
    }
}
