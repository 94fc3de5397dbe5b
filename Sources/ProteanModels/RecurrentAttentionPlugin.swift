import Protean

/// The recurrent attention model for MNIST with the published names.
struct RecurrentAttentionPlugin: ModelPlugin {
    let name = "ram_mnist"
    let summary =
        "Recurrent attention model for MNIST, six glimpses, kevinzakka's keys (arXiv 1406.6247)"
    let inputShape = [1, 28, 28, 1]
    let classNames = (0..<10).map { "\($0)" }
    let landmarkKeys = ["sensor.fc1.weight", "rnn.i2h.weight", "locator.fc.weight"]

    var preprocessing: ImagePreprocessing? {
        ImagePreprocessing(
            resizeShorterSide: 28, interpolation: .bilinear, cropHeight: 28, cropWidth: 28,
            mean: [0.1307], deviation: [0.3081])
    }

    /// The hidden layer of the locator and the number of patches follow from the file.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String] {
        guard configuration.values["locator_hidden"] == nil,
            let key = checkpoint.names.first(where: { $0.hasSuffix("locator.fc_lt.weight") }),
            let shape = checkpoint[key]?.shape, shape.count == 2
        else { return [] }
        configuration.values["locator_hidden"] = .number(Double(shape[1]))
        return ["the file has a locator of \(shape[1]) hidden units: locator_hidden is \(shape[1])"]
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: [
            "patch_size", "num_patches", "glimpse_scale", "num_glimpses", "channels",
            "glimpse_hidden", "loc_hidden", "hidden_size", "num_classes", "locator_hidden", "std",
        ])
        var options = RecurrentAttention.Options()
        options.patchSize = try configuration.integer("patch_size", default: 8)
        options.patches = try configuration.integer("num_patches", default: 1)
        options.scale = try configuration.integer("glimpse_scale", default: 2)
        options.glimpses = try configuration.integer("num_glimpses", default: 6)
        options.channels = try configuration.integer("channels", default: 1)
        options.glimpseHidden = try configuration.integer("glimpse_hidden", default: 128)
        options.locationHidden = try configuration.integer("loc_hidden", default: 128)
        options.hidden = try configuration.integer("hidden_size", default: 256)
        options.classes = try configuration.integer("num_classes", default: 10)
        options.locatorHidden = try configuration.integer("locator_hidden")
        options.deviation = Float(try configuration.number("std", default: 0.17))
        return try RecurrentAttention(options)
    }
}
