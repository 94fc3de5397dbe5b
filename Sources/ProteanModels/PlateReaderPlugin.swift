import Protean

/// The licence plate reader of xuexingyu24's files: the spatial transformer, LPRNet, and both joined.
struct PlateReaderPlugin: ModelPlugin {
    let name: String
    let summary: String
    let landmarkKeys: [String]
    let hasTransformer, hasReader: Bool

    let inputShape = [1, 24, 94, 3]

    /// (value − 127.5) / 128 in terms of value / 255. The image is RGB, see `channel_order`.
    var preprocessing: ImagePreprocessing? {
        ImagePreprocessing(
            resizing: .exactly(Size2d(height: 24, width: 94)), interpolation: .bicubic,
            cropHeight: 24, cropWidth: 94, mean: [0.5, 0.5, 0.5],
            deviation: [Float](repeating: 128 / 255, count: 3))
    }

    /// `channel_order`: "rgb" (the default, as images are read) or "bgr"; `class_num` with a reader.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(
            known: ["channel_order"] + (hasReader ? ["class_num"] : []))
        let text = try configuration.string("channel_order", default: "rgb")
        guard let order = PlateReader.ChannelOrder(rawValue: text) else {
            throw .invalidOption(
                layer: name, option: "channel_order", expected: "rgb or bgr", found: text)
        }
        let classes = try configuration.integer(
            "class_num", default: PlateAlphabet.published.count)
        return PlateReader(
            transformer: hasTransformer ? try PlateTransformer() : nil,
            reader: hasReader ? try LPRNet(classes: classes) : nil, channels: order)
    }

    static let all: [any ModelPlugin] = [
        PlateReaderPlugin(
            name: "stn_plate",
            summary: "Spatial transformer that straightens licence plates (arXiv 1506.02025)",
            landmarkKeys: ["localization.3.weight", "fc_loc.2.weight"], hasTransformer: true,
            hasReader: false),
        PlateReaderPlugin(
            name: "lprnet",
            summary: "LPRNet, reads licence plates, xuexingyu24's keys (arXiv 1806.10447)",
            landmarkKeys: ["backbone.4.block.0.weight", "container.0.weight"],
            hasTransformer: false, hasReader: true),
        PlateReaderPlugin(
            name: "stn_lprnet",
            summary: "Spatial transformer and LPRNet joined, keys below STN and LPRNet",
            landmarkKeys: ["STN.fc_loc.2.weight", "LPRNet.container.0.weight"],
            hasTransformer: true, hasReader: true),
    ]
}
