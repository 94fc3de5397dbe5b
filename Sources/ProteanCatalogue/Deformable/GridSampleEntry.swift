import Protean

extension LayerEntry {
    static let gridSample = LayerEntry(
        "GridSample", family: .deformable,
        reference: "torch.nn.functional.grid_sample",
        summary: .dynamic("the positions of samples, in maps and volumes"),
        papers: ["1506.02025"], keys: ConfigurationKey.sampler,
        inputs: [
            .init("x", "[B, C, H, W] or [B, C, D, H, W]"),
            .init("grid", "[B, H', W', 2], (x, y), or [B, D', H', W', 3], (x, y, z); any layout"),
        ],
        outputs: [.init("y", "[B, C, H', W'] or [B, C, D', H', W']")],
        golden: ["grid_sample", "grid_sample_options", "grid_sample_volume"],
        benchmark: .kernel("grid_sample", "h=56 w=56 c=64")
    ) { configuration in
        let layer = try configuration.sampler()
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.mapOrVolume("x"), grid: inputs.plain("grid")))]
        }
    }
}
