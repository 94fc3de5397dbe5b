import Protean

/// Dynamic routing for semantic segmentation with the published model's names.
struct DynamicRoutingPlugin: ModelPlugin {
    let name: String
    let summary: String
    let layers, channels, classes: Int
    let inputShape: [Int]

    var landmarkKeys: [String] {
        [
            "backbone.init_layer.gate_conv_beta.0.weight",
            "backbone.all_cell_list.\(layers - 1).3.cell_ops._ops.0.op.0.weight",
        ]
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try DynamicRoutingNetwork(
            layers: layers, channels: channels,
            classes: try configuration.integer("num_classes", default: classes))
    }

    static let all: [any ModelPlugin] = [
        DynamicRoutingPlugin(
            name: "dynamic_routing_l16",
            summary:
                "Dynamic routing for segmentation, 16 layers, Cityscapes (arXiv 2003.10401)",
            layers: 16, channels: 64, classes: 19, inputShape: [1, 1024, 2048, 3])
    ]
}
