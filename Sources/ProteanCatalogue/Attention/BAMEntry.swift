import Protean

extension LayerEntry {
    static let bam = LayerEntry(
        "BAM", family: .attention,
        reference: "Jongchan/attention-module BAM",
        summary: .dynamic("a gate per element from one number per channel and one per pixel"),
        papers: ["1807.06514"],
        keys: [
            .required(
                "gate_channel", "channels C, at least 16", aliases: "channels", "inputChannels")
        ],
        weights: [
            .init("channel_att.gate_c.gate_c_fc_0.*", "[S, C], [S], S = C / 16"),
            .init("channel_att.gate_c.gate_c_bn_1.*", "[S]"),
            .init("channel_att.gate_c.gate_c_fc_final.*", "[C, S], [C]"),
            .init("spatial_att.gate_s.gate_s_conv_reduce0.*", "[S, C, 1, 1], [S]"),
            .init("spatial_att.gate_s.gate_s_bn_reduce0.*", "[S]"),
            .init("spatial_att.gate_s.gate_s_conv_di_{0,1}.*", "[S, S, 3, 3], [S]"),
            .init("spatial_att.gate_s.gate_s_bn_di_{0,1}.*", "[S]"),
            .init("spatial_att.gate_s.gate_s_conv_final.*", "[1, S, 1, 1], [1]"),
        ],
        outputs: [.sameMap],
        golden: ["bam", "bam_square"],
        benchmark: .generic("bam", "h=28 w=28 c=256") { sizes in
            LayerSample(["gate_channel": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(try BAM(channels: configuration.int("gate_channel")))
    }
}
