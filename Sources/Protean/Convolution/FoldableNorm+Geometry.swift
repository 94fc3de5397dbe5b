extension FoldableNorm {
    /// Throws if the norm's channels differ from the convolution's output channels.
    func check(follows geometry: Conv2dGeometry, layer: String) throws(ProteanError) {
        guard channels == geometry.outputChannels else {
            throw .invalidOption(
                layer: layer, option: "channels of the batch norm",
                expected: "\(geometry.outputChannels)", found: "\(channels)")
        }
    }
}
