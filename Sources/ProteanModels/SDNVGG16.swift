import Protean

/// SDN-VGG16: VGG-16 with internal classifiers after some of its convolutions.
///
/// Kaya, Hong, Dumitras, "Shallow-Deep Networks: Understanding and Mitigating Network
/// Overthinking", ICML 2019, arXiv 1810.07052; parameters are named as in the authors' code.
/// Classifiers follow convolutions 2, 4, 6, 7, 9 and 10, at some 15 to 90 % of the cost. Of an
/// image that is sure nowhere, the authors take the exit with the highest confidence, not the last
/// one: call ``ExitNetwork/dynamic(_:policy:fallback:counting:)`` with `fallback: .mostConfident`.
/// ``ConfusionScore`` says how much the exits disagree.
///
/// Input `[batch, size, size, 3]`; logits `[batch, classes]` of seven exits. Cost: see
/// ``ExitNetwork/costs(for:)``.
public enum SDNVGG16 {
    /// Channels of the thirteen convolutions.
    private static let channels =
        [64, 64, 128, 128, 256, 256, 256] + [Int](repeating: 512, count: 6)
    /// The convolutions, counted from 0, after which the size is halved.
    private static let pooled: Set<Int> = [1, 3, 6, 9, 12]
    /// The convolutions, counted from 0, after which there is an exit.
    private static let exits: Set<Int> = [1, 3, 5, 6, 8, 9]

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - classes: size of the output.
    ///   - size: height and width of the images, a multiple of 32.
    ///   - hidden: features after the first and the second linear layer; nil for those that the
    ///     authors use: 512 and 512, for images of 64 × 64 pixels 2048 and 1024.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func network(
        classes: Int = 10, size: Int = 32, hidden: [Int]? = nil
    ) throws(ProteanError) -> ExitNetwork {
        let hidden = hidden ?? (size == 64 ? [2048, 1024] : [512, 512])
        try ExitOptions.check(
            [
                ("num_classes", classes, 1...OptionLimits.channels), ("size", size, 32...1024),
                ("hidden", hidden.count, 2...2),
            ], layer: "SDNVGG16")
        guard size % 32 == 0 else {
            throw .invalidOption(
                layer: "SDNVGG16", option: "size", expected: "a multiple of 32", found: "\(size)")
        }
        var blocks = ExitBlocks(), stages: [any Stage] = [], heads: [any ExitHead] = []
        var pending: [any Layer] = [], inputs = 3, current = size
        for (index, outputs) in channels.enumerated() {
            if pooled.contains(index) { current /= 2 }
            pending.append(
                try convolution(
                    &blocks, "layers.\(index).layers", inputs, outputs,
                    pools: pooled.contains(index)))
            inputs = outputs
            guard exits.contains(index) else { continue }
            stages.append(LayerStage(try Sequential(pending)))
            pending = []
            let head = try InternalClassifier(channels: outputs, size: current, classes: classes)
            heads.append(LayerHead(blocks.add("layers.\(index).output", head)))
        }
        let first = try Linear(
            inputFeatures: inputs * current * current, outputFeatures: hidden[0])
        pending += [try Flatten(), blocks.add("layers.\(channels.count).layers.1", first), ReLU()]
        stages.append(LayerStage(try Sequential(pending)))
        let end = try Sequential([
            blocks.add(
                "end_layers.0", try Linear(inputFeatures: hidden[0], outputFeatures: hidden[1])),
            blocks.add(
                "end_layers.2", try Linear(inputFeatures: hidden[1], outputFeatures: classes)),
        ])
        heads.append(LayerHead(end))
        return try ExitNetwork(
            parts: blocks.parts, stages: stages, heads: heads, combiner: .own)
    }

    private static func convolution(
        _ blocks: inout ExitBlocks, _ name: String, _ inputs: Int, _ outputs: Int, pools: Bool
    ) throws(ProteanError) -> Sequential {
        let conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1)
        let layers: [any Layer] = [conv, try BatchNorm2d(channels: outputs), ReLU()]
        let pool: [any Layer] = pools ? [try MaxPool2d(kernelSize: 2)] : []
        return blocks.add(name, try Sequential(layers + pool))
    }
}
