import Protean

extension RANet {
    /// What decides the shape of a RANet; the defaults are those of the CIFAR-100 network with
    /// eight exits.
    public struct Options: Sendable {
        /// How the number of layers grows from block to block.
        public enum Steps: String, Sendable, CaseIterable {
            /// Every block has `step` layers.
            case even
            /// Block i has `step` · i layers, i counted from 1.
            case growing = "lin_grow"
        }

        /// Blocks of the coarsest sub-network.
        public var blocks = 2
        /// Blocks that every finer sub-network has more than the one before.
        public var blockStep = 2
        /// Layers of a block; see ``Steps``.
        public var step = 4
        /// How the number of layers grows.
        public var steps = Steps.even
        /// Channels after the first layer, times a sub-network's factor of growth.
        public var channels = 16
        /// Channels that a layer adds, times a sub-network's factor of growth.
        public var growth = 6
        /// The resolution of every sub-network, coarsest first: 1 for the coarsest, and so on.
        /// Equal numbers mean equal resolutions.
        public var scales = [1, 2, 3, 3]
        /// Factor of the channels for every sub-network.
        public var growthFactors = [4, 2, 1, 1]
        /// Channels between the two convolutions of a step per channel of its result, for every
        /// sub-network.
        public var bottleneckFactors = [4, 2, 1, 1]
        /// The share of a layer's channels that come from the coarser sub-network.
        public var compression = 0.25
        /// The share of channels that a reduction keeps.
        public var reduction = 0.5
        /// Whether norms and ReLUs come after the convolutions of a step instead of before them.
        public var normsAfter = true
        /// Size of the output.
        public var classes = 100
        /// Whether the first layer is made for 224 × 224 images instead of 32 × 32.
        public var largeImages = false
        /// How much of the exit before is added to an exit's logits, as BoostNet does: one factor
        /// for every exit after the first; nil for independent exits.
        public var boosting: [Float]?

        /// The network for CIFAR-100 with eight exits.
        public init() {}

        /// The network for ImageNet with eight exits.
        ///
        /// - Parameter channels: 32 or 64 as published.
        public static func imageNet(channels: Int) -> Options {
            var options = Options()
            (options.channels, options.growth, options.step) = (channels, 16, 8)
            options.scales = [1, 2, 3, 4]
            options.growthFactors = [4, 2, 2, 1]
            options.bottleneckFactors = [4, 2, 2, 1]
            (options.largeImages, options.classes) = (true, 1000)
            return options
        }

        /// One of the three CIFAR networks for budgets, numbered from 1.
        ///
        /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for another number.
        public static func cifarModel(_ number: Int) throws(ProteanError) -> Options {
            try ExitOptions.check([("model", number, 1...3)], layer: "RANet")
            var options = Options()
            (options.steps, options.step) = (.growing, 2)
            options.scales = [[1, 2, 3], [1, 2, 2, 3], [1, 2, 3, 3]][number - 1]
            options.growthFactors = [[4, 2, 1], [4, 2, 2, 1], [4, 2, 1, 1]][number - 1]
            options.bottleneckFactors = options.growthFactors
            return options
        }

        var images: ExitBlocks.Images { largeImages ? .imageNet : .cifar }

        /// Number of exits: `blocks` + `blockStep` · (sub-networks − 1).
        public var exits: Int { blockCount(scales.count - 1) }

        /// Blocks of a sub-network, counted from 0.
        func blockCount(_ network: Int) -> Int { blocks + blockStep * network }

        /// Layers of a block, counted from 0.
        func layers(of block: Int) -> Int { steps == .even ? step : step * (block + 1) }

        /// Throws ``ProteanError/invalidOption(layer:option:expected:found:)`` for options that
        /// make no network.
        func check() throws(ProteanError) {
            try ExitOptions.check(
                [
                    ("blocks", blocks, 1...16), ("block_step", blockStep, 1...16),
                    ("step", step, 1...64), ("channels", channels, 1...4096),
                    ("growth", growth, 1...4096), ("scale_list", scales.count, 1...8),
                    ("num_classes", classes, 1...OptionLimits.channels),
                ], layer: "RANet")
            try ExitOptions.check(
                factors: [("grFactor", growthFactors), ("bnFactor", bottleneckFactors)],
                count: scales.count, layer: "RANet")
            try ExitOptions.check(share: compression, "compress_factor", layer: "RANet")
            try ExitOptions.check(share: reduction, "reduction", layer: "RANet")
            let steps = zip(scales, scales.dropFirst()).map { $1 - $0 }
            guard scales[0] == 1, steps.allSatisfy({ $0 == 0 || $0 == 1 }) else {
                throw .invalidOption(
                    layer: "RANet", option: "scale_list",
                    expected: "1 first, then equal or one more", found: "\(scales)")
            }
            let least = growth * (growthFactors.dropFirst().min() ?? growthFactors[0])
            let compressed = Int(Double(least) * compression)
            guard scales.count == 1 || (1..<least).contains(compressed) else {
                throw .invalidOption(
                    layer: "RANet", option: "compress_factor",
                    expected: "a share that leaves and takes channels of \(least)",
                    found: "\(compression)")
            }
        }
    }
}
