import Protean

/// DenseNet-BC for 32 × 32 images: three dense blocks whose layers read all maps before them.
///
/// A layer is norm, activation, 1 × 1 convolution to 4 · growth channels, norm, activation, 3 × 3
/// convolution to `growth` channels. Between blocks a 1 × 1 convolution halves the channels and a mean
/// over 2 × 2 pixels the size. Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional
/// Networks", arXiv 1608.06993. Input `[batch, 32, 32, 3]`, output `[batch, classes]`. Parameters under the
/// usual names: `features.conv0`, `features.denseblock{i}.denselayer{j}.{norm1,conv1,norm2,conv2}`,
/// `features.transition{i}.{norm,conv}`, `features.norm_final`, `classifier`. Depth 100 with growth 12
/// has 769,162 parameters for 10 classes.
public final class CIFARDenseNet: Layer {
    /// A norm, an activation and a convolution under their path.
    private struct Unit: Sendable {
        let norm: BatchNorm2d
        let conv: Conv2d
        let normName, convName: String

        init(
            _ path: String, _ number: String, from inputs: Int, to outputs: Int, kernel: Int
        ) throws(ProteanError) {
            norm = try BatchNorm2d(channels: inputs)
            conv = try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                padding: .symmetric(kernel / 2), bias: false)
            normName = "\(path).norm\(number)"
            convName = "\(path).conv\(number)"
        }

        var modules: [NamedModule] {
            [NamedModule(normName, norm), NamedModule(convName, conv)]
        }

        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
            try conv(try norm(x, activation: .relu))
        }

        func add(to steps: inout NetworkBlueprint, behind x: Int) -> Int {
            let normed = steps.add(normName, .norm(norm, activation: .relu), reading: x)
            return steps.add(convName, .convolution(conv), reading: normed)
        }
    }

    private let conv0: Conv2d
    private let blocks: [[(first: Unit, second: Unit)]]
    private let transitions: [Unit]
    private let final: BatchNorm2d
    private let pool: AvgPool2d
    private let avgpool = GlobalAveragePool2d()
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - depth: 6 n + 4: 40, 100, 190.
    ///   - growth: channels that a layer adds.
    ///   - classes: size of the output.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        depth: Int = 100, growth: Int = 12, classes: Int = 10
    ) throws(ProteanError) {
        guard depth >= 10, depth <= 1000, depth % 6 == 4 else {
            throw .invalidOption(
                layer: "CIFARDenseNet", option: "depth", expected: "6 n + 4 in 10...1000",
                found: "\(depth)")
        }
        guard (1...1024).contains(growth) else {
            throw .invalidOption(
                layer: "CIFARDenseNet", option: "growth", expected: "1...1024", found: "\(growth)")
        }
        var channels = 2 * growth
        conv0 = try Conv2d(
            inputChannels: 3, outputChannels: channels, kernelSize: 3, padding: 1, bias: false)
        var blocks: [[(first: Unit, second: Unit)]] = [], transitions: [Unit] = []
        for block in 1...3 {
            var layers: [(first: Unit, second: Unit)] = []
            for layer in 1...(depth - 4) / 6 {
                let path = "features.denseblock\(block).denselayer\(layer)"
                layers.append(
                    (
                        try Unit(path, "1", from: channels, to: 4 * growth, kernel: 1),
                        try Unit(path, "2", from: 4 * growth, to: growth, kernel: 3)
                    ))
                channels += growth
            }
            blocks.append(layers)
            guard block < 3 else { continue }
            transitions.append(
                try Unit(
                    "features.transition\(block)", "", from: channels, to: channels / 2, kernel: 1))
            channels /= 2
        }
        self.blocks = blocks
        self.transitions = transitions
        final = try BatchNorm2d(channels: channels)
        pool = try AvgPool2d(kernelSize: 2)
        classifier = try Linear(inputFeatures: channels, outputFeatures: classes)
    }

    /// The modules in order of execution.
    public var submodules: [NamedModule] {
        var parts = [NamedModule("features.conv0", conv0)]
        for (index, layers) in blocks.enumerated() {
            parts += layers.flatMap { $0.first.modules + $0.second.modules }
            if index < transitions.count { parts += transitions[index].modules }
        }
        return parts + [
            NamedModule("features.norm_final", final), NamedModule("classifier", classifier),
        ]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try conv0(x)
        for (index, layers) in blocks.enumerated() {
            for layer in layers {
                let added = try layer.second(try layer.first(y))
                y = try Operations.concatenate([y, added], axis: 3)
            }
            if index < transitions.count { y = try pool(try transitions[index](y)) }
        }
        return try classifier(try avgpool(try final(y, activation: .relu)))
    }
}

extension CIFARDenseNet: StageableNetwork {
    /// The network as a list of steps.
    public func blueprint() throws(ProteanError) -> NetworkBlueprint {
        var steps = NetworkBlueprint(classifierName: "classifier", classifier: classifier)
        var last = steps.add(
            "features.conv0", .convolution(conv0), reading: NetworkBlueprint.image)
        for (index, layers) in blocks.enumerated() {
            for (position, layer) in layers.enumerated() {
                let first = layer.first.add(to: &steps, behind: last)
                let second = layer.second.add(to: &steps, behind: first)
                last = steps.add(
                    "denseblock\(index + 1).concat\(position + 1)", .concatenate,
                    reading: last, second)
            }
            guard index < transitions.count else { continue }
            let halved = transitions[index].add(to: &steps, behind: last)
            last = steps.add(
                "transition\(index + 1).pool", .averagePool(pool.window), reading: halved)
        }
        _ = steps.add("features.norm_final", .norm(final, activation: .relu), reading: last)
        return steps
    }
}
