import Protean

extension BuiltLayer {
    /// A container: its input is a map, a volume or another tensor, whatever its layers accept.
    init(container layer: any Layer, keyMap: KeyMap) {
        self.init(layer, keyMap: keyMap) { inputs in
            let y = try layer(inputs.mapOrPlain("x"))
            return [y.rank == 4 || y.rank == 5 ? .map("y", y) : .plain("y", y)]
        }
    }
}

extension ConfigurationKey {
    /// The notation of a layer within a configuration, for help texts.
    static let nestedLayer = "{\"layer\": a layer's type, its keys} or an activation's name"
}

extension LayerEntry.TensorDescription {
    /// The input of a container.
    static let containerInput = LayerEntry.TensorDescription(
        "x", "[B, C, H, W], [B, C, D, H, W]; of other ranks with the channels last in any layout")
    /// The output of a container.
    static let containerOutput = LayerEntry.TensorDescription(
        "y", "as the last layer gives it, laid out as x")
}

extension CaseSizes {
    /// A convolution of `c` channels within a configuration, which keeps the size of a map;
    /// `outputs` is the key that holds its output channels.
    func conv2d(
        kernelSize: Int, outputs: String = "k"
    ) throws -> [String: ModelConfiguration.Value] {
        [
            "layer": "Conv2d", "in_channels": self["c"], "out_channels": self[outputs],
            "kernel_size": .number(Double(kernelSize)),
            "padding": .number(Double(kernelSize / 2)),
        ]
    }
}
