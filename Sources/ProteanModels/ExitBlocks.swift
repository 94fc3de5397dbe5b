import Protean

/// The blocks that networks with several exits share, and the names of their modules.
struct ExitBlocks {
    /// The modules that are named so far, in the reference's order.
    private(set) var parts: [NamedModule] = []

    /// Names a module and returns it.
    mutating func add<M: Module>(_ name: String, _ module: M) -> M {
        parts.append(NamedModule(name, module))
        return module
    }

    /// A convolution without bias, batch norm and ReLU under `NAME.0` and `NAME.1`.
    ///
    /// The padding keeps the size but for the stride.
    mutating func convolution(
        _ name: String, from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1
    ) throws(ProteanError) -> Sequential {
        let layers: [any Layer] = [
            try Self.plain(from: inputs, to: outputs, kernel: kernel, stride: stride),
            try BatchNorm2d(channels: outputs), ReLU(),
        ]
        return add(name, try Sequential(layers))
    }

    /// A 3 × 3 convolution after a 1 × 1 one that narrows the map to at most `width` · `outputs`
    /// channels, each with batch norm and ReLU.
    ///
    /// - Parameters:
    ///   - name: of the sequence of layers.
    ///   - inputs: channels of the map.
    ///   - outputs: channels of the result.
    ///   - width: factor of the narrow map's channels; nil for no 1 × 1 convolution.
    ///   - stride: of the 3 × 3 convolution.
    ///   - normsFirst: whether norms and ReLUs come before the convolutions instead of after them.
    mutating func bottleneck(
        _ name: String, from inputs: Int, to outputs: Int, width: Int?, stride: Int = 1,
        normsFirst: Bool = false
    ) throws(ProteanError) -> Sequential {
        let inner = min(inputs, (width ?? inputs) * outputs)
        let narrowing: [any Layer] =
            width == nil && !normsFirst
            ? [] : [try Self.plain(from: inputs, to: inner, kernel: 1, stride: 1)]
        let main = try Self.plain(
            from: narrowing.isEmpty ? inputs : inner, to: outputs, kernel: 3, stride: stride)
        func norm(_ channels: Int) throws(ProteanError) -> [any Layer] {
            [try BatchNorm2d(channels: channels), ReLU()]
        }
        var layers = normsFirst ? try norm(inputs) : []
        layers += narrowing
        if !narrowing.isEmpty { layers += try norm(inner) }
        layers.append(main)
        if !normsFirst { layers += try norm(outputs) }
        return add(name, try Sequential(layers))
    }

    private static func plain(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int
    ) throws(ProteanError) -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            stride: Size2d(stride), padding: .symmetric(kernel / 2), bias: false)
    }
}

extension ExitBlocks {
    /// The size of images for which MSDNet and RANet are made.
    enum Images: Sendable {
        /// 32 × 32: the first convolution keeps the size.
        case cifar
        /// 224 × 224: a 7 × 7 convolution and a pooling, which reduce the size to a quarter.
        case imageNet
    }

    /// The first convolution of MSDNet and RANet on a colour image.
    ///
    /// - Parameters:
    ///   - name: the name of the scale's layers; those for small images lie under `NAME.net`.
    ///   - outputs: channels of the result.
    ///   - images: the size of images.
    mutating func stem(
        _ name: String, to outputs: Int, for images: Images
    ) throws(ProteanError) -> Sequential {
        switch images {
        case .cifar:
            return try convolution(name + ".net", from: 3, to: outputs, kernel: 3)
        case .imageNet:
            let layers: [any Layer] = [
                try Conv2d(
                    inputChannels: 3, outputChannels: outputs, kernelSize: 7, stride: 2,
                    padding: 3),
                try BatchNorm2d(channels: outputs), ReLU(),
                try MaxPool2d(kernelSize: 3, stride: 2, padding: 1),
            ]
            return add(name, try Sequential(layers))
        }
    }

    /// The layers of an exit of MSDNet and RANet before its linear layer: two convolutions with
    /// stride 2 and a mean over 2 × 2 pixels; `[rows, features]`.
    ///
    /// - Parameters:
    ///   - name: the exit's name, such as `classifier.0`.
    ///   - channels: of the map.
    ///   - images: the size of images, which decides the number of features.
    /// - Returns: the layers and the number of features.
    mutating func exitFeatures(
        _ name: String, from channels: Int, for images: Images
    ) throws(ProteanError) -> (layer: Sequential, features: Int) {
        let width = images == .cifar ? 128 : channels
        let layers: [any Layer] = [
            try convolution(name + ".m.0.net", from: channels, to: width, kernel: 3, stride: 2),
            try convolution(name + ".m.1.net", from: width, to: width, kernel: 3, stride: 2),
            try AvgPool2d(kernelSize: 2), try Flatten(),
        ]
        return (try Sequential(layers), width)
    }
}
