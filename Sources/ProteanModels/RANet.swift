import Protean

/// RANet: sub-networks of growing resolution, each of which reuses the maps of the coarser one.
///
/// Yang, Han, Chen, Song, Dai, Huang, "Resolution Adaptive Networks for Efficient Inference", CVPR
/// 2020, arXiv 2003.07326; parameters are named as in the authors' PyTorch code. Easy images are
/// decided on coarse maps. An image that goes on enters the next finer sub-network, whose first
/// blocks fuse the maps that the coarser one kept; these are narrowed to the images that are still
/// there only when they are read, one after the other, and freed then.
///
/// Input `[batch, 32, 32, 3]`, or `[batch, 224, 224, 3]` with ``Options/largeImages``; logits
/// `[batch, classes]` of ``Options/exits`` exits. Cost: see ``ExitNetwork/costs(for:)``;
/// `ExitNetwork.referenceOperations(for:)` counts as the authors do.
public enum RANet {
    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for options that make no
    ///   network.
    public static func network(_ options: Options = Options()) throws(ProteanError) -> ExitNetwork {
        try options.check()
        var builder = RANetBuilder(options: options)
        try builder.build()
        return try ExitNetwork(
            parts: builder.blocks.parts, stages: builder.stages, heads: builder.heads,
            combiner: options.boosting.map { .boosted($0) } ?? .own)
    }
}

/// Makes the stages and heads of a RANet.
private struct RANetBuilder {
    let options: RANet.Options
    var blocks = ExitBlocks()
    private(set) var stages: [any Stage] = []
    private(set) var heads: [any ExitHead] = []
    /// Channels at every position of every block of the coarser sub-network.
    private var coarse: [[Int]] = []
    /// Channels of the map.
    private var channels = 0

    init(options: RANet.Options) { self.options = options }

    mutating func build() throws(ProteanError) {
        let stem = try self.stem()
        for network in options.scales.indices {
            channels = options.channels * options.growthFactors[network]
            let fused = network == 0 ? 0 : options.blockCount(network - 1)
            var kept: [[Int]] = [], pending: [RANetBlock] = []
            for block in 0..<options.blockCount(network) {
                let positions = (0...options.layers(of: block)).map {
                    channels + $0 * options.growth * options.growthFactors[network]
                }
                pending.append(try self.block(network, block, fuses: block < fused))
                kept.append(positions)
                guard block >= fused else { continue }
                stages.append(
                    RANetStage(
                        stem: stages.isEmpty ? stem : [], network: network,
                        start: block + 1 - pending.count, blocks: pending,
                        keeps: network + 1 < options.scales.count))
                pending = []
                heads.append(try head())
            }
            coarse = kept
        }
    }

    /// From the finest scale to the coarsest.
    private mutating func stem() throws(ProteanError) -> [Sequential] {
        let widths = options.growthFactors.reversed().map { $0 * options.channels }
        let scales = Array(options.scales.reversed())
        var stem = [
            try blocks.stem("FirstLayer.layers.0", to: widths[0], for: options.images)
        ]
        for index in widths.indices.dropFirst() {
            stem.append(
                try blocks.convolution(
                    "FirstLayer.layers.\(index).net", from: widths[index - 1], to: widths[index],
                    kernel: 3, stride: scales[index] == scales[index - 1] ? 1 : 2))
        }
        return stem
    }

    private mutating func block(
        _ network: Int, _ index: Int, fuses: Bool
    ) throws(ProteanError) -> RANetBlock {
        let name = "scale_flows.\(network).\(index)", count = options.layers(of: index)
        let isDown = fuses && reducesSize(network, index)
        var steps: [RANetBlock.Step] = []
        for layer in 0..<count {
            steps.append(
                try step(
                    "\(name).layers.\(layer)", network, from: channels,
                    coarse: fuses ? coarse[index][layer] : nil,
                    isDown: isDown && layer == count - 1))
            channels += options.growth * options.growthFactors[network]
        }
        var last: Sequential?
        if fuses {
            let added = Int(Double(channels) * options.compression)
            last = try blocks.convolution(
                "\(name).conv_last.net", from: coarse[index][count], to: added, kernel: 1)
            channels += added
        }
        var reduction: Sequential?
        if reducesChannels(network, index) {
            let reduced = Int(options.reduction * Double(channels))
            guard reduced > 0 else {
                throw .invalidOption(
                    layer: "RANet", option: "reduction",
                    expected: "a share that leaves channels of \(channels)",
                    found: "\(options.reduction)")
            }
            reduction = try blocks.convolution(
                "\(name).trans.net", from: channels, to: reduced, kernel: 1)
            channels = reduced
        }
        return RANetBlock(steps: steps, last: last, reduction: reduction)
    }

    private mutating func step(
        _ name: String, _ network: Int, from inputs: Int, coarse: Int?, isDown: Bool
    ) throws(ProteanError) -> RANetBlock.Step {
        let growth = options.growth * options.growthFactors[network]
        let compressed = coarse == nil ? 0 : Int(Double(growth) * options.compression)
        var up: Sequential?
        if let coarse {
            up = try blocks.bottleneck(
                "\(name).conv_up.net", from: coarse, to: compressed,
                width: options.bottleneckFactors[network - 1], normsFirst: !options.normsAfter)
        }
        let same = try blocks.bottleneck(
            "\(name).conv_normal.net", from: inputs, to: growth - compressed,
            width: options.bottleneckFactors[network], stride: isDown ? 2 : 1,
            normsFirst: !options.normsAfter)
        return RANetBlock.Step(up: up, same: same, isDown: isDown)
    }

    /// Whether a fusing block ends at half the size: the last block that one of the coarser
    /// sub-networks of a lower resolution has.
    private func reducesSize(_ network: Int, _ index: Int) -> Bool {
        let ends = [0] + (0..<network).map { options.blockCount($0) }
        let count = options.scales[network] - 1
        return (count == 0 ? ends[...] : ends.suffix(count)).contains(index + 1)
    }

    /// Whether a reduction of channels follows a block.
    private func reducesChannels(_ network: Int, _ index: Int) -> Bool {
        let parts = options.scales[network], all = options.blockCount(network)
        return (1..<max(1, parts)).contains { index + 1 == $0 * all / parts }
    }

    private mutating func head() throws(ProteanError) -> any ExitHead {
        let name = "classifier.\(heads.count)"
        let exit = try blocks.exitFeatures(name, from: channels, for: options.images)
        let linear = try Linear(inputFeatures: exit.features, outputFeatures: options.classes)
        let named = blocks.add("\(name).linear", linear)
        return LayerHead(try Sequential([exit.layer, named]), reads: "map")
    }
}
