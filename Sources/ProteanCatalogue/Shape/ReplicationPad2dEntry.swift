import Protean

extension LayerEntry {
    static let replicationPad2d = LayerEntry(
        "ReplicationPad2d", family: .shape,
        reference: "torch.nn.ReplicationPad2d",
        summary: .fixed("a map continued beyond its edges"),
        keys: [.edgePadding],
        outputs: [.resizedMap],
        golden: ["replication_pad2d", "replication_pad2d_sides"],
        benchmark: .edgePadding("replication_pad2d")
    ) { configuration in
        BuiltLayer(try ReplicationPad2d(padding: configuration.edgePadding("padding")))
    }
}
