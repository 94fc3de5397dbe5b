import Protean

/// MSDNet: a dense network on several scales at once, with a classifier after every block.
///
/// Huang, Chen, Li, Wu, van der Maaten, Weinberger, "Multi-Scale Dense Networks for Resource
/// Efficient Image Classification", ICLR 2018, arXiv 1703.09844; parameters are named as in the
/// authors' PyTorch code. Every layer keeps a map per scale; classifiers read the coarsest one, so
/// that early exits see wide contexts. Fine scales end on the way: they are neither computed nor
/// kept after that.
///
/// ```swift
/// let network = try MSDNet.network()                      // CIFAR-100, ten exits
/// let sure = ExitPolicy.threshold(.maximumProbability, [Float](repeating: 0.9, count: 10))
/// let result = try network.dynamic(images, policy: sure)
/// ```
/// Input `[batch, 32, 32, 3]`, or `[batch, 224, 224, 3]` with ``Options/largeImages``; logits
/// `[batch, classes]` of every exit. Cost: see ``ExitNetwork/costs(for:)``;
/// `ExitNetwork.referenceOperations(for:)` counts as the authors do.
public enum MSDNet {
    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for options that make no
    ///   network.
    public static func network(_ options: Options = Options()) throws(ProteanError) -> ExitNetwork {
        let made = try MSDNetParts(options, prefix: "")
        var blocks = made.blocks
        var heads: [any ExitHead] = []
        for (index, exit) in made.exits.enumerated() {
            let linear = try Linear(
                inputFeatures: exit.features, outputFeatures: options.classes)
            let named = blocks.add("classifier.\(index).linear", linear)
            heads.append(
                LayerHead(try Sequential([exit.layer, named]), reads: made.coarsest))
        }
        return try ExitNetwork(
            parts: blocks.parts, stages: made.stages, heads: heads,
            combiner: options.boosting.map { .boosted($0) } ?? .own)
    }
}

/// The stages of an MSDNet and the layers of its exits, without their linear layers.
struct MSDNetParts {
    /// All modules under their names.
    var blocks = ExitBlocks()
    private(set) var stages: [any Stage] = []
    /// The layers of every exit and the number of features that they make.
    private(set) var exits: [(layer: Sequential, features: Int)] = []
    /// The feature that exits read.
    let coarsest: String

    init(_ options: MSDNet.Options, prefix: String) throws(ProteanError) {
        try options.check()
        coarsest = MSDNetBlock.feature(options.scales - 1)
        let schedule = MSDNetSchedule(options)
        var first = 0
        for (index, layers) in schedule.blocks.enumerated() {
            stages.append(
                try block(options, layers, first: first, name: "\(prefix)blocks.\(index)"))
            first = layers.last?.first ?? first
        }
        let factor = options.growthFactors[options.scales - 1]
        for (index, outputs) in schedule.outputs.enumerated() {
            exits.append(
                try blocks.exitFeatures(
                    "\(prefix)classifier.\(index)", from: outputs * factor, for: options.images))
        }
    }

    private mutating func block(
        _ options: MSDNet.Options, _ layers: [MSDNetSchedule.Layer], first: Int, name: String
    ) throws(ProteanError) -> MSDNetBlock {
        // Children are counted: the stem of the first block, layers and reductions.
        var child = 0
        var stem: [Sequential] = []
        if stages.isEmpty {
            stem = try self.stem(options, name: "\(name).0")
            child = 1
        }
        var made: [MSDNetLayer] = []
        for layer in layers {
            let scales = try self.scales(options, layer, name: "\(name).\(child)")
            child += 1
            var reductions: [Sequential] = []
            if let reduced = layer.reduced {
                reductions = try self.reductions(options, layer, reduced, "\(name).\(child)")
                child += 1
            }
            made.append(
                MSDNetLayer(scales: scales, drops: layer.drops, reductions: reductions))
        }
        return MSDNetBlock(stem: stem, layers: made, first: first, scales: options.scales)
    }

    private mutating func stem(
        _ options: MSDNet.Options, name: String
    ) throws(ProteanError) -> [Sequential] {
        let widths = options.growthFactors.map { $0 * options.channels }
        var stem = [try blocks.stem("\(name).layers.0", to: widths[0], for: options.images)]
        for scale in widths.indices.dropFirst() {
            stem.append(
                try blocks.convolution(
                    "\(name).layers.\(scale).net", from: widths[scale - 1], to: widths[scale],
                    kernel: 3, stride: 2))
        }
        return stem
    }

    private mutating func scales(
        _ options: MSDNet.Options, _ layer: MSDNetSchedule.Layer, name: String
    ) throws(ProteanError) -> [MSDNetLayer.Scale] {
        let growth = options.growthFactors
        func width(_ scale: Int) -> Int? {
            options.bottleneck ? options.bottleneckFactors[scale] : nil
        }
        var scales: [MSDNetLayer.Scale] = []
        for scale in layer.first..<options.scales {
            let place = "\(name).layers.\(scale - layer.first)"
            let inputs = layer.inputs * growth[scale], added = options.growth * growth[scale]
            // The finest scale has no finer one to read, unless one ends here.
            guard scale > layer.first || layer.drops else {
                let same = try blocks.bottleneck(
                    "\(place).conv_normal.net", from: inputs, to: added, width: width(scale))
                scales.append(MSDNetLayer.Scale(down: nil, same: same))
                continue
            }
            let down = try blocks.bottleneck(
                "\(place).conv_down.net", from: layer.inputs * growth[scale - 1], to: added / 2,
                width: width(scale - 1), stride: 2)
            let same = try blocks.bottleneck(
                "\(place).conv_normal.net", from: inputs, to: added / 2, width: width(scale))
            scales.append(MSDNetLayer.Scale(down: down, same: same))
        }
        return scales
    }

    private mutating func reductions(
        _ options: MSDNet.Options, _ layer: MSDNetSchedule.Layer, _ reduced: Int, _ name: String
    ) throws(ProteanError) -> [Sequential] {
        guard reduced > 0 else {
            throw .invalidOption(
                layer: "MSDNet", option: "reduction",
                expected: "a share that leaves channels of \(layer.inputs + options.growth)",
                found: "\(options.reduction)")
        }
        var reductions: [Sequential] = []
        for scale in layer.first..<options.scales {
            let factor = options.growthFactors[scale]
            reductions.append(
                try blocks.convolution(
                    "\(name).m.\(scale - layer.first).net",
                    from: (layer.inputs + options.growth) * factor, to: reduced * factor,
                    kernel: 1))
        }
        return reductions
    }
}
