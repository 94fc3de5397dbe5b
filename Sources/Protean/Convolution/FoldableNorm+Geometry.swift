extension FoldableNorm {
    /// Refuses to be folded into a convolution with other channels.
    func check(follows geometry: Conv2dGeometry, layer: String) throws(ProteanError) {
        guard channels == geometry.outputChannels else {
            throw .invalidOption(
                layer: layer, option: "channels of the batch norm",
                expected: "\(geometry.outputChannels)", found: "\(channels)")
        }
    }
}
