import Protean

extension LayerEntry {
    static let hyperNetworkConv2d = LayerEntry(
        "HyperNetworkConv2d", family: .dynamic,
        reference: "g1910/HyperNetworks HyperNetwork, Embedding and conv2d",
        summary: .fixed("a convolution whose kernel a small network generates from embeddings"),
        papers: ["1609.09106"],
        keys: [
            .optional("f_size", 3, "side of the kernel", aliases: "kernelSize"),
            .optional("z_dim", 64, "numbers Z of an embedding", aliases: "zSize"),
            .optional("out_size", 16, "output channels O of a block", aliases: "outputs"),
            .optional("in_size", 16, "input channels C of a block", aliases: "inputs"),
            .optional("z_num", [1, 1], "[rows, columns] of blocks", aliases: "rows", "columns"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 1, "p or [ph, pw]"),
        ],
        inputs: [.init("x", "[B, columns * C, H, W]")],
        weights: [
            .init("hope.w1", "[Z, O * f * f]"), .init("hope.b1", "[O * f * f]"),
            .init("hope.w2", "[Z, C * Z]"), .init("hope.b2", "[C * Z]"),
            .init("z_list.0 ...", "[Z] for each block, row by row"),
        ],
        outputs: [.init("y", "[B, rows * O, H', W']")],
        golden: ["hyper_network", "hyper_network_blocks"],
        benchmark: .generic(
            "hyper_network_conv2d", "h=32 w=32 c=32 k=32", optional: ["stride"]
        ) { sizes in
            let (inputs, outputs) = (try sizes.int("c"), try sizes.int("k"))
            // Blocks of 16 channels where that fits, as in the reference.
            let size = inputs % 16 == 0 && outputs % 16 == 0 ? 16 : 1
            return LayerSample(
                [
                    "out_size": .number(Double(size)), "in_size": .number(Double(size)),
                    "z_num": [
                        .number(Double(outputs / size)), .number(Double(inputs / size)),
                    ], "stride": sizes["stride", default: 1],
                ], inputs: ["x": .map(try sizes.map)])
        },
        parts: ["HyperNetwork"]
    ) { configuration in
        let (rows, columns) = try configuration.pair("z_num")
        let network = try HyperNetwork(
            kernelSize: configuration.int("f_size"), zSize: configuration.int("z_dim"),
            outputs: configuration.int("out_size"), inputs: configuration.int("in_size"))
        return BuiltLayer(
            try HyperNetworkConv2d(
                network: network, rows: rows, columns: columns,
                stride: configuration.size("stride"), padding: configuration.padding("padding")))
    }
}
