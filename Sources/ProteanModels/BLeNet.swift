import Protean

/// B-LeNet: a LeNet for 28 × 28 grey images with an exit after its first convolution.
///
/// Teerapittayanon, McDanel, Kung, "BranchyNet: Fast Inference via Early Exiting from Deep Neural
/// Networks", ICPR 2016, arXiv 1709.01686. Parameters are named as in a PyTorch version of it
/// (github.com/gorakraj/earlyexit_onnx): trunk segments `backbone.{i}`, exits `exits.{i}`. The
/// paper lets an image leave when the entropy of its softmax lies below a threshold:
/// ``Criterion/entropy``.
///
/// Input `[batch, 28, 28, 1]`, logits `[batch, 10]` of two exits. Cost: see
/// ``ExitNetwork/costs(for:)``.
public enum BLeNet {
    /// A network with seeded initial values.
    ///
    /// - Parameter classes: size of the output.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func network(classes: Int = 10) throws(ProteanError) -> ExitNetwork {
        var blocks = ExitBlocks()
        let first = try segment(&blocks, "backbone.0.layer", from: 1, to: 5, kernel: 5, padding: 4)
        let rest: [any Layer] = [
            try segment(&blocks, "backbone.1.0.layer", from: 5, to: 10, kernel: 5, padding: 4),
            try segment(&blocks, "backbone.1.1.layer", from: 10, to: 20, kernel: 5, padding: 3),
            try Flatten(),
            blocks.add("backbone.1.3", try Linear(inputFeatures: 720, outputFeatures: 84)),
        ]
        let early: [any Layer] = [
            try segment(&blocks, "exits.0.0.layer", from: 5, to: 10, kernel: 3, padding: 1),
            try Flatten(),
            blocks.add("exits.0.2", try Linear(inputFeatures: 640, outputFeatures: classes)),
        ]
        let late = blocks.add(
            "exits.1.0", try Linear(inputFeatures: 84, outputFeatures: classes))
        return try ExitNetwork(
            parts: blocks.parts,
            stages: [LayerStage(first), LayerStage(try Sequential(rest))],
            heads: [LayerHead(try Sequential(early)), LayerHead(late)], combiner: .own)
    }

    /// A convolution without bias, ReLU and a maximum over 2 × 2 pixels. The reference takes the
    /// maximum before the ReLU, which gives the same values.
    private static func segment(
        _ blocks: inout ExitBlocks, _ name: String, from inputs: Int, to outputs: Int, kernel: Int,
        padding: Int
    ) throws(ProteanError) -> Sequential {
        let conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            padding: .symmetric(padding), bias: false)
        return try Sequential([blocks.add(name + ".0", conv), ReLU(), MaxPool2d(kernelSize: 2)])
    }
}
