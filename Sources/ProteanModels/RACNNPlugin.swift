import Protean

/// Recurrent attention over scales with three VGG-19.
struct RACNNPlugin: ModelPlugin {
    let name = "racnn_vgg19"
    let summary =
        "RA-CNN, three scales of VGG-19 with proposed squares, jeong-tae's keys (CVPR 2017)"
    let inputShape = [1, 448, 448, 3]
    let landmarkKeys = ["b3.features.49.weight", "apn1.2.weight", "classifier3.weight"]

    var preprocessing: ImagePreprocessing? {
        ImagePreprocessing(
            resizing: .exactly(Size2d(448)), interpolation: .bilinear, cropHeight: 448,
            cropWidth: 448, mean: ImagePreprocessing.imageNetMean,
            deviation: ImagePreprocessing.imageNetDeviation)
    }

    /// `num_classes`, and `backbone_classifiers` (false): whether the file holds the classifiers of
    /// the VGGs, which are not used.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "backbone_classifiers"])
        var options = RACNN.Options()
        options.classes = try configuration.integer("num_classes", default: 200)
        if try !configuration.bool("backbone_classifiers", default: false) {
            options.backboneHidden = nil
        }
        return try RACNN(options)
    }

    /// The VGGs' classifiers follow from the file.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String] {
        guard configuration.values["backbone_classifiers"] == nil,
            checkpoint.names.contains(where: { $0.hasSuffix("b1.classifier.0.weight") })
        else { return [] }
        configuration.values["backbone_classifiers"] = .bool(true)
        return ["the file has b1.classifier: backbone_classifiers is true"]
    }
}
