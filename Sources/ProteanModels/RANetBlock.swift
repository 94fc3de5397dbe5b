import Protean

/// A block of a sub-network of a RANet.
///
/// Every layer's map grows by what a convolution makes of it. A block that fuses also gets, for
/// every layer, what a convolution makes of the same layer's input in the coarser sub-network,
/// enlarged.
struct RANetBlock: Sendable {
    /// One layer.
    struct Step: Sendable {
        /// From the coarser sub-network; nil in a block that does not fuse.
        let up: Sequential?
        /// From the map itself; with stride 2 if the layer reduces the size.
        let same: Sequential
        /// Whether the layer halves height and width.
        let isDown: Bool
    }

    let steps: [Step]
    /// From the last map of the coarser sub-network's block; nil in a block that does not fuse.
    let last: Sequential?
    /// The reduction of channels at the end, if there is one.
    let reduction: Sequential?

    /// The block's result.
    ///
    /// - Parameters:
    ///   - x: the map before the block.
    ///   - features: where maps are kept, under a prefix and their position in the block.
    ///   - coarse: the prefix of the same block of the coarser sub-network, whose maps are taken.
    ///   - kept: the prefix for this block's maps before every layer and before the reduction; nil
    ///     where nobody reads them.
    func callAsFunction(
        _ x: Tensor, _ features: inout Features, coarse: String, kept: String?
    ) throws(ProteanError) -> Tensor {
        var x = x
        if let kept { try features.set("\(kept)0", x) }
        for (position, step) in steps.enumerated() {
            let same = try step.same(x)
            var joined = [try step.isDown ? Self.resized(x, like: same) : x]
            if let up = step.up {
                let small = try up(try features.take("\(coarse)\(position)"))
                joined.append(try Self.resized(small, like: same))
            }
            joined.append(same)
            x = try Operations.concatenate(joined, axis: -1)
            if let kept { try features.set("\(kept)\(position + 1)", x) }
        }
        if let last {
            let small = try last(try features.take("\(coarse)\(steps.count)"))
            x = try Operations.concatenate([x, try Self.resized(small, like: x)], axis: -1)
        }
        return try reduction?(x) ?? x
    }

    /// A map in the size of another one, bilinearly with aligned corners.
    private static func resized(_ x: Tensor, like other: Tensor) throws(ProteanError) -> Tensor {
        let size = Size2d(height: other.shape[1], width: other.shape[2])
        if x.shape[1] == size.height, x.shape[2] == size.width { return x }
        return try Operations.resize(x, to: size, mode: .bilinear(alignCorners: true))
    }
}

/// The blocks of a RANet between two exits, all of one sub-network.
///
/// Reads the feature `map`, or `base0`, `base1`, … at the start of a sub-network (the very first
/// stage makes them of `x`), and what the coarser sub-network kept under
/// `kept.NETWORK.BLOCK.POSITION`.
final class RANetStage: Stage {
    private let stem: [Sequential]
    private let network: Int
    /// The number of the first block in the sub-network.
    private let start: Int
    private let blocks: [RANetBlock]
    /// Whether a finer sub-network will read this one's maps.
    private let keeps: Bool

    init(
        stem: [Sequential], network: Int, start: Int, blocks: [RANetBlock], keeps: Bool
    ) {
        (self.stem, self.network, self.start) = (stem, network, start)
        (self.blocks, self.keeps) = (blocks, keeps)
    }

    func run(_ features: inout Features) throws(ProteanError) {
        if !stem.isEmpty { try runStem(&features) }
        var x = try features.take(start == 0 ? "base\(network)" : "map")
        for (offset, block) in blocks.enumerated() {
            let index = start + offset
            x = try block(
                x, &features, coarse: Self.prefix(network - 1, index),
                kept: keeps ? Self.prefix(network, index) : nil)
        }
        try features.set("map", x)
    }

    private static func prefix(_ network: Int, _ block: Int) -> String {
        "kept.\(network).\(block)."
    }

    /// The maps at which the sub-networks begin, coarsest first.
    private func runStem(_ features: inout Features) throws(ProteanError) {
        var x = try features.take("x")
        for (index, layer) in stem.enumerated() {
            x = try layer(x)
            try features.set("base\(stem.count - 1 - index)", x)
        }
    }
}
