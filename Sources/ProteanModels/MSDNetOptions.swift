import Protean

extension MSDNet {
    /// What decides the shape of an MSDNet; the defaults are those of the CIFAR-100 network with
    /// ten exits.
    public struct Options: Sendable {
        /// How the number of layers grows from block to block.
        public enum Steps: String, Sendable, CaseIterable {
            /// Every block after the first has `step` layers.
            case even
            /// Block i has `step` · i + 1 layers, i counted from 0.
            case growing = "lin_grow"
        }

        /// When fine scales end.
        public enum Pruning: String, Sendable, CaseIterable {
            /// Evenly over the depth; a scale's end halves the channels of the others.
            case evenly = "max"
            /// As late as possible; channels are reduced after a third and two thirds of the depth.
            case late = "min"
        }

        /// Number of blocks, each of which ends in an exit.
        public var blocks = 10
        /// Layers of the first block.
        public var base = 4
        /// Layers of a later block; see ``Steps``.
        public var step = 2
        /// How the number of layers grows.
        public var steps = Steps.even
        /// Channels of the finest scale after the first layer, times its factor of growth.
        public var channels = 16
        /// Channels that a layer adds to the finest scale.
        public var growth = 6
        /// Factor of the channels for every scale, finest first; their number is that of scales.
        public var growthFactors = [1, 2, 4]
        /// Channels between the two convolutions of a step per channel of its result, for every
        /// scale.
        public var bottleneckFactors = [1, 2, 4]
        /// When fine scales end.
        public var pruning = Pruning.evenly
        /// Whether a 1 × 1 convolution precedes every 3 × 3 convolution of a layer.
        public var bottleneck = true
        /// The share of channels that a reduction keeps; 0 for no reductions.
        public var reduction = 0.5
        /// Size of the output.
        public var classes = 100
        /// Whether the first layer is made for 224 × 224 images instead of 32 × 32.
        public var largeImages = false
        /// How much of the exit before is added to an exit's logits, as BoostNet does: one factor
        /// for every exit after the first; nil for independent exits.
        public var boosting: [Float]?

        /// The network for CIFAR-100 with ten exits.
        public init() {}

        /// The network for ImageNet with five exits; `step` layers in every block, 4 to 7 as
        /// published.
        ///
        /// - Parameter step: layers of every block.
        public static func imageNet(step: Int) -> Options {
            var options = Options()
            (options.blocks, options.base, options.step) = (5, step, step)
            (options.channels, options.growth, options.classes) = (32, 16, 1000)
            options.growthFactors = [1, 2, 4, 4]
            options.bottleneckFactors = [1, 2, 4, 4]
            options.largeImages = true
            return options
        }

        var images: ExitBlocks.Images { largeImages ? .imageNet : .cifar }
        var scales: Int { growthFactors.count }

        /// Number of layers of each block.
        var layers: [Int] {
            [base] + (1..<max(1, blocks)).map { steps == .even ? step : step * $0 + 1 }
        }

        /// Throws ``ProteanError/invalidOption(layer:option:expected:found:)`` for options that
        /// make no network.
        func check() throws(ProteanError) {
            try ExitOptions.check(
                [
                    ("blocks", blocks, 1...64), ("base", base, 1...64), ("step", step, 1...64),
                    ("channels", channels, 1...4096), ("growth", growth, 1...4096),
                    ("grFactor", growthFactors.count, 1...8),
                    ("num_classes", classes, 1...OptionLimits.channels),
                ], layer: "MSDNet")
            try ExitOptions.check(
                factors: [("grFactor", growthFactors), ("bnFactor", bottleneckFactors)],
                count: scales, layer: "MSDNet")
            try ExitOptions.check(share: reduction, "reduction", layer: "MSDNet")
            let total = layers.reduce(0, +)
            try ExitOptions.check([("layers in all", total, 1...1024)], layer: "MSDNet")
            for factor in growthFactors.dropFirst() where growth * factor % 2 != 0 {
                throw .invalidOption(
                    layer: "MSDNet", option: "growth",
                    expected: "even times every factor but the first", found: "\(growth)")
            }
            if pruning == .late, total < scales - 1 {
                throw .invalidOption(
                    layer: "MSDNet", option: "prune", expected: "at least \(scales - 1) layers",
                    found: "\(total)")
            }
        }
    }
}
