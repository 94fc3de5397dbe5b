import Protean

extension LayerEntry {
    static let spatialTransformer = LayerEntry(
        "SpatialTransformer", family: .deformable,
        reference: "torch.nn.functional.affine_grid, then grid_sample",
        summary: .dynamic("the positions of samples, in maps and volumes"),
        papers: ["1506.02025"], keys: ConfigurationKey.sampler,
        inputs: [.init("x", "[B, C, H, W]"), .init("theta", "[B, 2, 3]")],
        outputs: [.sameMap],
        golden: ["spatial_transformer", "spatial_transformer_options"],
        benchmark: .generic("spatial_transformer", "h=56 w=56 c=64") { sizes in
            LayerSample(
                [:],
                inputs: ["x": .map(try sizes.map), "theta": .plain([try sizes.batch, 2, 3])])
        }
    ) { configuration in
        let sampler = try configuration.sampler()
        let layer = SpatialTransformer(
            mode: sampler.mode, padding: sampler.padding, alignCorners: sampler.alignCorners)
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), theta: inputs.plain("theta")))]
        }
    }
}
