import Protean

extension LayerEntry {
    static let zeroPad2d = LayerEntry(
        "ZeroPad2d", family: .shape,
        reference: "torch.nn.ZeroPad2d",
        summary: .fixed("a map continued beyond its edges"),
        keys: [.edgePadding],
        outputs: [.resizedMap],
        golden: ["zero_pad2d", "zero_pad2d_sides"],
        benchmark: .edgePadding("zero_pad2d")
    ) { configuration in
        BuiltLayer(try ZeroPad2d(padding: configuration.edgePadding("padding")))
    }
}
