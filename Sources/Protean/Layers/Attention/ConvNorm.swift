/// A convolution and the batch norm after it, named `conv` and `bn`, run as one kernel.
final class ConvNorm: AcceptsEpilogue {
    let label: Label? = Label()
    private let conv: Conv2d
    private let norm: BatchNorm2d
    private let fused: FusedConv2d

    init(_ conv: Conv2d) throws(ProteanError) {
        self.conv = conv
        norm = try BatchNorm2d(channels: conv.geometry.outputChannels)
        fused = try FusedConv2d(conv, norm)
    }

    var submodules: [NamedModule] { [NamedModule("conv", conv), NamedModule("bn", norm)] }
    var channelFlow: ChannelFlow { conv.channelFlow }
    var epilogueParts: EpilogueParts { fused.epilogueParts }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try fused(x) }

    func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor { try fused(x, epilogue: epilogue) }

    func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        try fused(x, epilogue: Conv2dEpilogue(activation: activation))
    }
}
