import Protean

extension LayerEntry {
    static let pixelShuffle = LayerEntry(
        "PixelShuffle", family: .shape,
        reference: "torch.nn.PixelShuffle",
        summary: .pytorchShape,
        papers: ["1609.05158"],
        keys: [.required("upscale_factor", "factor r of height and width", aliases: "factor")],
        inputs: [.init("x", "[B, C * r * r, H, W]")],
        outputs: [.init("y", "[B, C, H * r, W * r]")],
        golden: ["pixel_shuffle", "pixel_shuffle_3"],
        benchmark: .kernel("pixel_shuffle", "h=56 w=56 c=64 up=2")
    ) { BuiltLayer(try PixelShuffle(factor: $0.int("upscale_factor"))) }
}
