import Protean

/// Makes the network known by a name, and fits it to the files that hold its weights.
public struct TinyConvNeXtPlugin: ModelPlugin {
    /// What users call it.
    public let name = "tiny_convnext"
    /// One line for lists.
    public let summary = "small ConvNeXt V2 for 32x32 images"
    /// For one image, NHWC.
    public let inputShape = [1, 32, 32, 3]
    /// In order of the outputs.
    public let classNames = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]

    /// The plug-in.
    public init() {}

    /// Resize the shorter side, cut the middle, then (value / 255 - mean) / deviation per channel.
    public var preprocessing: ImagePreprocessing? {
        ImagePreprocessing(
            resizeShorterSide: 32, interpolation: .bicubic, cropHeight: 32, cropWidth: 32,
            mean: [0.491, 0.482, 0.447], deviation: [0.247, 0.244, 0.262])
    }

    /// `configuration` comes from the caller or from a folder's `config.json`.
    public func makeModel(
        configuration: ModelConfiguration
    ) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "depth"])
        return try TinyConvNeXt(
            depth: try configuration.integer("depth", default: 2),
            classes: try configuration.integer("num_classes", default: 10))
    }

    /// Published files keep the network under `backbone.` and call the classifier `fc`.
    public func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        KeyMap.removingPrefix("backbone.")
            .then(.replacingPrefix("fc.", with: "head."))
            .then(.dropping(prefix: "decoder."))
    }
}
