import Protean

extension LayerEntry {
    static let reflectionPad2d = LayerEntry(
        "ReflectionPad2d", family: .shape,
        reference: "torch.nn.ReflectionPad2d",
        summary: .fixed("a map continued beyond its edges"),
        keys: [.edgePadding],
        outputs: [.resizedMap],
        golden: ["reflection_pad2d", "reflection_pad2d_sides"],
        benchmark: .edgePadding("reflection_pad2d")
    ) { configuration in
        BuiltLayer(try ReflectionPad2d(padding: configuration.edgePadding("padding")))
    }
}
