import Protean

extension LayerEntry {
    static let fold = LayerEntry(
        "Fold", family: .shape,
        reference: "torch.nn.Fold",
        summary: .fixed("sliding windows as rows and back"),
        keys: [.required("output_size", "n or [h, w] of the map")]
            + ConfigurationKey.slidingWindow,
        inputs: [.init("x", "[B, C * kh * kw, L]; any layout")],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["fold", "fold_options"],
        benchmark: .generic(
            "fold", "h=56 w=56 c=64 r=3", optional: ["stride", "pad", "dilation"],
            sample: foldSample)
    ) { configuration in
        let layer = try Fold(
            outputSize: configuration.size("output_size"),
            kernelSize: configuration.size("kernel_size"),
            dilation: configuration.size("dilation"), padding: configuration.size("padding"),
            stride: configuration.size("stride"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            guard x.rank == 3 else {
                throw ProteanError.shapeMismatch(
                    layer: "Fold", tensor: "x", expected: "[B, C * kh * kw, L]", found: x.shape)
            }
            return [.map("y", try layer(Operations.permute(x, [0, 2, 1])))]
        }
    }

    private static func foldSample(_ sizes: CaseSizes) throws -> LayerSample {
        var values = try sizes.slidingWindow
        let map = try sizes.map
        values["output_size"] = .array([sizes["h"], sizes["w"]])
        let window = CaseSizes(values)
        let reach = try window.int("dilation") * (window.int("kernel_size") - 1) + 1
        func windows(_ size: Int) throws -> Int {
            (size + 2 * (try window.int("padding")) - reach) / (try window.int("stride")) + 1
        }
        let area = try window.int("kernel_size") * window.int("kernel_size")
        return LayerSample(
            values,
            inputs: ["x": .plain([map[0], map[3] * area, try windows(map[1]) * windows(map[2])])])
    }
}
