import Protean

extension LayerEntry {
    static let pixelUnshuffle = LayerEntry(
        "PixelUnshuffle", family: .shape,
        reference: "torch.nn.PixelUnshuffle",
        summary: .pytorchShape,
        papers: ["1609.05158"],
        keys: [
            .required("downscale_factor", "divisor r of height and width", aliases: "factor")
        ],
        inputs: [.init("x", "[B, C, H * r, W * r]")],
        outputs: [.init("y", "[B, C * r * r, H, W]")],
        golden: ["pixel_unshuffle", "pixel_unshuffle_3"],
        // Height and width of the case are those of the result.
        benchmark: .generic("pixel_unshuffle", "h=28 w=28 c=64 up=2") { sizes in
            let map = try sizes.map, factor = try sizes.int("up")
            let (height, over) = map[1].multipliedReportingOverflow(by: factor)
            let (width, tooWide) = map[2].multipliedReportingOverflow(by: factor)
            guard !over, !tooWide else {
                throw ProteanError.sizeOverflow(layer: "PixelUnshuffle", what: "the map")
            }
            return LayerSample(
                ["downscale_factor": sizes["up"]],
                inputs: ["x": .map([map[0], height, width, map[3]])])
        }
    ) { BuiltLayer(try PixelUnshuffle(factor: $0.int("downscale_factor"))) }
}
