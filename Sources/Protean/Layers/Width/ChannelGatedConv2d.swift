/// A convolution that looks at a part of its input first and reads the rest only where that pays:
/// channel gating.
///
/// The base path reads 1/p of the weights, `y_p = conv(x, weight ⊙ mask)`. Every output element decides:
/// where `norm(y_p) > threshold[k]` it is completed, `y = conv(x, weight)`; elsewhere it stays y_p. Hua,
/// Zhou, De Sa, Zhang, Suh, "Channel Gating Neural Networks", arXiv 1805.12549; parameters as in
/// cornell-zhang/dnn-gating: `weight`, `mask`, `threshold` `[1, out, 1, 1]` and `bn.running_*`.
///
/// The mask keeps the first in/p input channels, or with `groups` p diagonal blocks of
/// out/p × in/p channels, on request after a shuffle of the input's channels between the groups. The
/// completion runs as a masked convolution at the pixels of which at least one channel is open; pixels
/// with no open gate are skipped, and in a pixel that is computed the closed channels are computed and
/// dropped. Input `[batch, height, width, in]`, output `[batch, height', width', out]`.
/// ``decided(_:)`` tells how many elements were open and how many were computed.
public final class ChannelGatedConv2d: Layer, ConditionalLayer, HasInitialWeights {
    /// What a call decided.
    public struct Decision: Sendable {
        /// The pixels that are completed: at least one channel is open.
        public let pixels: MaskPlan
        /// Output elements whose gate is open.
        public let openElements: Int
        /// Output elements of the whole map.
        public let elements: Int
    }

    /// Channels, kernel size, stride and padding.
    public let geometry: Conv2dGeometry
    /// The base path reads one of so many parts of the weights.
    public let partitions: Int
    /// Whether the base path is a grouped convolution.
    public let usesGroups: Bool
    /// Whether the input's channels are shuffled between the groups first.
    public let shuffles: Bool
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let weight, mask, threshold: Parameter
    private let norm: BatchNorm2d

    /// The parts made of the weight, at one version of it.
    private struct Paths: Sendable {
        let base: Conv2d
        /// The rest of the input channels, or with groups all of them.
        let rest: FusedMaskedConv2d
    }
    private let derived = Derived<Int, Paths>()
    private let checkedMask = Derived<Int, Bool>()

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input; with groups a multiple of `partitions`.
    ///   - outputChannels: channels of the output; with groups a multiple of `partitions`.
    ///   - kernelSize: height and width of the kernel.
    ///   - stride: step in input pixels.
    ///   - padding: zeros around the input.
    ///   - partitions: p; at most the input channels.
    ///   - usesGroups: whether the base path is a grouped convolution.
    ///   - shuffles: whether the input's channels are shuffled between the groups first.
    ///   - threshold: of all channels at first; −6 opens almost all gates.
    ///   - seed: for the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, partitions: Int = 4, usesGroups: Bool = false,
        shuffles: Bool = false, threshold: Float = -6, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "ChannelGatedConv2d"
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, layer: layer)
        try checkOption(partitions, "partitions", in: 1...max(inputChannels, 1), layer: layer)
        let divided =
            (usesGroups || shuffles ? [inputChannels] : [])
            + (usesGroups ? [outputChannels] : [])
        if let other = divided.first(where: { $0 % partitions != 0 }) {
            throw .invalidOption(
                layer: layer, option: "partitions", expected: "a divisor of \(other) channels",
                found: "\(partitions)")
        }
        guard !threshold.isNaN else {
            throw .invalidOption(
                layer: layer, option: "threshold", expected: "a number", found: "NaN")
        }
        self.partitions = partitions
        self.usesGroups = usesGroups
        self.shuffles = shuffles
        weight = try Parameter(
            uniform: geometry.weightShape, fanIn: geometry.fanIn, seed: seed, layer: layer)
        self.threshold = try Parameter(
            repeating: threshold, shape: [1, outputChannels, 1, 1], layer: layer)
        norm = try BatchNorm2d(channels: outputChannels, affine: false)
        let blocks = Self.pattern(geometry, partitions, usesGroups)
        let area = kernelSize.height * kernelSize.width
        mask = Parameter(
            buffer: try Tensor(
                blocks.flatMap { [Float](repeating: $0 ? 1 : 0, count: area) },
                shape: geometry.weightShape))
    }

    /// Whether the base path reads a weight, for every output and input channel.
    private static func pattern(
        _ geometry: Conv2dGeometry, _ partitions: Int, _ usesGroups: Bool
    ) -> [Bool] {
        let inputs = geometry.inputChannels, ins = inputs / partitions
        let outs = geometry.outputChannels / partitions
        return (0..<geometry.outputChannels * inputs).map { index in
            let (k, c) = (index / inputs, index % inputs)
            return usesGroups ? k / max(outs, 1) == c / ins : c < ins
        }
    }

    /// `weight`, `mask`, `threshold`.
    public var parameters: [NamedParameter] {
        [
            NamedParameter("weight", weight), NamedParameter("mask", mask),
            NamedParameter("threshold", threshold),
        ]
    }

    /// `bn`.
    public var submodules: [NamedModule] { [NamedModule("bn", norm)] }

    /// `weight`.
    public var initialWeights: [InitialWeight] { [InitialWeight("weight", weight)] }

    /// The convolution's.
    public var channelFlow: ChannelFlow {
        .fixed(input: geometry.inputChannels, output: geometry.outputChannels)
    }

    /// The gated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.isShapeOnly else { return try decided(x).output }
        try Shape.checkMap(x.shape, channels: geometry.inputChannels, layer: place)
        let shape = try geometry.plan(for: x.shape, layer: place).outputShape
        return try traced(
            "ChannelGatedConv2d", path: label, input: x, cost: { cost(x, $0, completed: nil) }
        ) { () throws(ProteanError) in try Tensor(shapeOnly: shape) }
    }

    /// The gated map, the pixels that were completed and the number of open gates.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or carries no values, or the mask is not the
    ///   one of the options.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: Decision) {
        try Shape.checkMap(x.shape, channels: geometry.inputChannels, layer: place)
        guard !x.isShapeOnly else { throw .noValues(layer: place) }
        try checkMask()
        var decision: Decision?
        let output = try traced(
            "ChannelGatedConv2d", path: label, input: x,
            cost: { cost(x, $0, completed: decision?.pixels.count) },
            executedByRow: { self.executed(decision?.pixels) }
        ) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                let (y, made) = try gated(shuffles ? shuffled(x) : x)
                decision = made
                return y
            }
        }
        guard let decision else { throw .noValues(layer: place) }
        return (output, decision)
    }

    private func gated(
        _ x: Tensor
    ) throws(ProteanError) -> (Tensor, Decision) {
        let paths = try paths()
        let partial = try paths.base(usesGroups ? x : try part(of: x, 0..<baseChannels))
        let affine = try norm.scaleAndShift()
        let limits = try threshold.value.reshaped(to: [geometry.outputChannels])
        let margin = try Operations.subtract(
            try Operations.scaleShift(partial, scale: affine.scale, shift: affine.shift), limits)
        let open = try Operations.greater(margin, Tensor(zeros: [1]))
        let pixels = try MaskPlan(
            try Operations.maximum(open, axes: [3], keepDimensions: true))
        let counts = try Operations.sum(open, axes: [1, 2]).elements
        let decision = Decision(
            pixels: pixels, openElements: counts.reduce(0) { $0 + Int($1) },
            elements: partial.count)
        if pixels.count == 0 { return (partial, decision) }
        if usesGroups {
            let whole = try paths.rest(x, mask: pixels)
            return (try Operations.where(open, whole, partial), decision)
        }
        guard baseChannels < geometry.inputChannels else { return (partial, decision) }
        let rest = try paths.rest(
            try part(of: x, baseChannels..<geometry.inputChannels), mask: pixels)
        return (try Operations.add(partial, try Operations.multiply(rest, open)), decision)
    }

    /// The input channels that every output's base path reads.
    private var baseChannels: Int { geometry.inputChannels / partitions }

    private func part(of x: Tensor, _ channels: Range<Int>) throws(ProteanError) -> Tensor {
        channels.count == x.shape[3]
            ? x : try Operations.slice(x, [.all, .all, .all, AxisSlice(channels)])
    }

    /// Channel c of group g becomes channel c · p + g.
    private func shuffled(_ x: Tensor) throws(ProteanError) -> Tensor {
        let order = (0..<geometry.inputChannels).map {
            $0 % partitions * baseChannels + $0 / partitions
        }
        return try Operations.indexSelect(x, axis: 3, indices: order)
    }

    private func paths() throws(ProteanError) -> Paths {
        try derived.value(for: weight.version) { () throws(ProteanError) in
            let values = weight.value, ins = baseChannels
            if usesGroups {
                let whole = Conv2d(geometry: geometry, weight: Parameter(values), bias: nil)
                return Paths(
                    base: try convolution(try diagonal(values), groups: partitions),
                    rest: try FusedMaskedConv2d(whole, algorithm: .direct))
            }
            let first = try Operations.slice(values, [.all, AxisSlice(0..<ins)])
            let base = try convolution(first)
            guard ins < geometry.inputChannels else {
                return Paths(base: base, rest: try FusedMaskedConv2d(base, algorithm: .direct))
            }
            let others = try Operations.slice(
                values, [.all, AxisSlice(ins..<geometry.inputChannels)])
            return Paths(
                base: base,
                rest: try FusedMaskedConv2d(try convolution(others), algorithm: .direct))
        }
    }

    private func diagonal(_ values: Tensor) throws(ProteanError) -> Tensor {
        let ins = baseChannels, outs = geometry.outputChannels / partitions
        var blocks: [Tensor] = []
        for g in 0..<partitions {
            blocks.append(
                try Operations.slice(
                    values,
                    [AxisSlice(g * outs..<(g + 1) * outs), AxisSlice(g * ins..<(g + 1) * ins)]))
        }
        return blocks.count == 1 ? blocks[0] : try Operations.concatenate(blocks, axis: 0)
    }

    private func convolution(_ weight: Tensor, groups: Int = 1) throws(ProteanError) -> Conv2d {
        try Conv2d(
            weight: weight, stride: geometry.stride, padding: geometry.padding, groups: groups)
    }

    /// Throws if the mask in use is not the pattern that the convolutions follow.
    private func checkMask() throws(ProteanError) {
        _ = try checkedMask.value(for: mask.version) { () throws(ProteanError) in
            let area = geometry.kernelSize.height * geometry.kernelSize.width
            let expected = Self.pattern(geometry, partitions, usesGroups)
            let values = mask.value.elements
            if let wrong = values.indices.first(where: {
                values[$0] != (expected[$0 / area] ? 1 : 0)
            }) {
                throw .invalidOption(
                    layer: place, option: "mask",
                    expected: "the mask of \(partitions) partitions"
                        + (usesGroups ? " with groups" : ""),
                    found: "\(values[wrong]) at element \(wrong)")
            }
            return true
        }
    }

    /// Multiply-adds executed for each sample.
    private func executed(_ pixels: MaskPlan?) -> [Int] {
        guard let pixels else { return [] }
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let base = geometry.outputChannels * baseChannels * area
        let rest = geometry.outputChannels * restChannels * area
        return pixels.activePixels.map {
            pixels.size.height * pixels.size.width * base + $0.count * rest
        }
    }

    /// The input channels that the completion of a pixel reads.
    private var restChannels: Int {
        usesGroups ? geometry.inputChannels : geometry.inputChannels - baseChannels
    }

    /// Executed are the base path and, at `completed` pixels (all for nil), the rest.
    private func cost(_ x: Tensor, _ y: Tensor, completed: Int?) -> Cost {
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let base = y.count * baseChannels * area
        let rest = restChannels * area * geometry.outputChannels
        return Cost(
            multiplyAdds: y.count * geometry.fanIn,
            executedMultiplyAdds: completed.map { base + $0 * rest } ?? y.count * geometry.fanIn,
            parameters: parameterCount, buffers: bufferCount,
            bytes: (x.count + y.count + weight.count) * MemoryLayout<Float>.stride)
    }
}
