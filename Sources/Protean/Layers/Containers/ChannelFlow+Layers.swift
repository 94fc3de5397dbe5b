extension Conv2d {
    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }
}

extension DeformableConv2dPack {
    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }
}

extension ModulatedDeformableConv2d {
    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }
}

extension ActiveConv2d {
    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }
}

extension GlobalDeformableKernelConv2d {
    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }
}

extension PerforatedConv2d {
    /// The convolution's channels.
    public var channelFlow: ChannelFlow { conv.channelFlow }
}

extension DeformableKernelConv2d {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }
}

extension DisplacedDeformableKernelConv2d {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }
}

extension DCNv3 {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }
}

extension DCNv4 {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }
}

extension DynamicReLU {
    /// As many out as in; unknown for a layer that takes two maps of different numbers.
    public var channelFlow: ChannelFlow {
        channels == outputChannels ? .fixed(input: channels, output: channels) : .unknown
    }
}

extension SqueezeExcitation {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }
}

extension BatchNorm2d {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }
}

extension LayerNorm {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }
}

extension Linear {
    /// Input and output features, the size of the last axis.
    public var channelFlow: ChannelFlow {
        .fixed(input: inputFeatures, output: outputFeatures)
    }
}

extension PReLU {
    /// As many as there are slopes; any number for one slope.
    public var channelFlow: ChannelFlow {
        weight.count == 1 ? .unchanged : .fixed(input: weight.count, output: weight.count)
    }
}

extension ActivationLayer {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension MaxPool2d {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension AvgPool2d {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension AdaptiveAvgPool2d {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension GlobalAveragePool2d {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension Resize {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension Dropout {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension LogSoftmax {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}

extension Softmax {
    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }
}
