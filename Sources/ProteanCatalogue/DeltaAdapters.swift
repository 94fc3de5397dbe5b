import Protean

/// Layers over the frames of a video that recompute what has changed.
enum DeltaAdapters {
    static let all = [deltaConv2d, deltaSequential]

    private static let changes: [ConfigurationKey] = [
        .optional("delta_threshold", 0, "the largest change that is not propagated"),
        .optional("norm", "max", "of a pixel's change: \"max\", \"l1\" or \"l2\""),
    ]
    private static let frames = [
        LayerAdapter.TensorDescription("x", "[T, C, H, W]: the frames of one video, in order")
    ]
    private static let results = [
        LayerAdapter.TensorDescription("y", "[T, O, H', W']: every frame's result")
    ]

    private static let deltaConv2d = LayerAdapter(
        "DeltaConv2d",
        reference: "torch.nn.Conv2d of the changes that passed a threshold (DeltaCNN)",
        keys: SparseConvolutionAdapters.convolution + changes, inputs: frames,
        weights: SparseConvolutionAdapters.weights, outputs: results
    ) { configuration in
        let layer = try DeltaConv2d(
            SparseConvolutionAdapters.conv(configuration),
            norm: configuration.choice("norm", of: PixelNorm.self),
            epsilon: Float(configuration.number("delta_threshold")))
        return BuiltLayer(layer, keyMap: KeyMap { "conv." + $0 }) { inputs in
            var state = DeltaState()
            let y = try eachFrame(of: inputs.map("x")) { try layer($0, state: &state) }
            return [.map("y", y)]
        }
    }

    private static let deltaSequential = LayerAdapter(
        "DeltaSequential",
        reference: "torch.nn.Sequential whose steps pass on changes above a threshold (DeltaCNN)",
        keys: [
            .required(
                "layers",
                "in order, {\"layer\": \"Conv2d\" or \"BatchNorm2d\", its keys} or an activation's name"
            )
        ] + changes,
        inputs: frames,
        weights: [
            .init("i.weight", "[O, C/g, kh, kw]: a convolution, i = 0, 1, ...", optional: true),
            .init("i.bias", "[O]", optional: true),
            .init("i.weight, i.bias, i.running_*", "[C]: a batch norm", optional: true),
        ],
        outputs: results
    ) { configuration in
        let layers = try configuration.list("layers").enumerated().map { index, value in
            try prefixed("layers[\(index)]") { try layer(value) }
        }
        let sequential = try DeltaSequential(
            layers, norm: configuration.choice("norm", of: PixelNorm.self),
            epsilon: Float(configuration.number("delta_threshold")))
        return BuiltLayer(sequential) { inputs in
            var state = DeltaState()
            let y = try eachFrame(of: inputs.map("x")) { try sequential($0, state: &state) }
            return [.map("y", y)]
        }
    }

    /// Applies `body` to one frame after the other; to the empty map when there is none.
    private static func eachFrame(
        of x: Tensor, _ body: (Tensor) throws -> Tensor
    ) throws -> Tensor {
        guard let count = x.shape.first, count > 0 else { return try body(x) }
        let values = x.elements, size = values.count / count
        let frames = try (0..<count).map { frame in
            try Tensor(
                Array(values[frame * size..<(frame + 1) * size]), shape: [1] + x.shape.dropFirst())
        }
        return try Operations.concatenate(try frames.map(body), axis: 0)
    }
}

// Layers within a configuration.
extension DeltaAdapters {
    /// What a step is made of. A step always computes directly, so a convolution has no `algorithm`.
    private static let parts = [
        LayerAdapter(
            "Conv2d", reference: "torch.nn.Conv2d", keys: SparseConvolutionAdapters.convolution
        ) { BuiltLayer(try SparseConvolutionAdapters.conv($0)) },
        NormalizationAdapters.batchNorm2d,
    ]

    private struct Pointwise: ActivationLayer {
        let activation: Activation
    }

    private static func layer(_ value: ModelConfiguration.Value) throws -> any Layer {
        switch value {
        case .string(let name): return Pointwise(activation: try Activation(named: name))
        case .object(var given):
            let name = given.removeValue(forKey: "layer")
            guard let part = parts.first(where: { .string($0.name) == name }) else {
                throw ProteanError.invalidOption(
                    layer: "", option: "layer",
                    expected: "one of " + parts.map { "\"\($0.name)\"" }.joined(separator: ", "),
                    found: name?.description ?? "missing")
            }
            let configuration = try LayerConfiguration(part, given: given)
            do {
                let built = try part.build(configuration)
                if let layer = built.module as? any Layer { return layer }
            } catch let error as ProteanError {
                throw configuration.renamed(error)
            }
        default: break
        }
        throw ProteanError.invalidOption(
            layer: "", option: "", expected: "an object or an activation's name",
            found: value.description)
    }

    /// Errors of `body` with the place in the configuration where they arose.
    private static func prefixed<T>(_ place: String, _ body: () throws -> T) throws -> T {
        func error(_ option: String, _ expected: String, _ found: String) -> ProteanError {
            .invalidOption(
                layer: "DeltaSequential", option: option.isEmpty ? place : "\(place).\(option)",
                expected: expected, found: found)
        }
        do {
            return try body()
        } catch ProteanError.invalidOption(_, let option, let expected, let found) {
            throw error(option, expected, found)
        } catch ProteanError.unknownName(_, let name, let known) {
            throw error("", "one of " + known.joined(separator: ", "), "\"\(name)\"")
        }
    }
}
