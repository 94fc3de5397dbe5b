/// How many scales and channels every layer of an MSDNet has.
struct MSDNetSchedule {
    /// One layer, perhaps with a reduction of channels after it.
    struct Layer: Equatable {
        /// Channels of the finest scale's input, before its factor of growth.
        let inputs: Int
        /// The finest scale of the result, 0 for the finest of all.
        let first: Int
        /// Whether the scale before `first` ends here: it is read for the last time.
        let drops: Bool
        /// Channels after the reduction, before the factors of growth; nil for none.
        let reduced: Int?
    }

    /// The layers of every block.
    let blocks: [[Layer]]
    /// Channels after every block, before the factors of growth.
    let outputs: [Int]

    init(_ options: MSDNet.Options) {
        let counts = options.layers, total = counts.reduce(0, +), scales = options.scales
        let interval = (total + scales - 1) / scales
        /// The number of scales of a layer's result; layers are counted from 1.
        func kept(after layer: Int) -> Int {
            if layer == 0 { return scales }
            return options.pruning == .late
                ? min(scales, total - layer + 1) : scales - (layer - 1) / interval
        }
        var blocks: [[Layer]] = [], outputs: [Int] = []
        var channels = options.channels, index = 0
        for count in counts {
            var layers: [Layer] = []
            for _ in 0..<count {
                index += 1
                let drops = kept(after: index) < kept(after: index - 1)
                let reduces =
                    options.reduction > 0
                    && (options.pruning == .evenly
                        ? drops : index == total / 3 || index == 2 * total / 3)
                let grown = channels + options.growth
                let reduced = reduces ? Int(options.reduction * Double(grown)) : nil
                layers.append(
                    Layer(
                        inputs: channels, first: scales - kept(after: index), drops: drops,
                        reduced: reduced))
                channels = reduced ?? grown
            }
            blocks.append(layers)
            outputs.append(channels)
        }
        (self.blocks, self.outputs) = (blocks, outputs)
    }
}
