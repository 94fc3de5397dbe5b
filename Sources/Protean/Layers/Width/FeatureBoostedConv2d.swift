/// A convolution whose most salient output channels are boosted and whose others are not computed:
/// feature boosting and suppression.
///
/// A small predictor reads a number per input channel and gives every output channel a gain
/// `g = relu(weights · saliency(x) + bias)`; the k = density · channels largest gains win. Gao, Zhao,
/// Dudziak, Mullins, Xu, "Dynamic Channel Pruning: Feature Boosting and Suppression", arXiv
/// 1810.05331. Suppressed channels are 0 and no later layer reads them: with
/// ``callAsFunction(_:)-(SelectedMap)`` a chain of these layers computes
/// density² of the products, in each sample for its own channels.
///
/// Input `[batch, height, width, in]`, output `[batch, height', width', out]`. Parameters
/// `conv.weight`, `bn.*`, the predictor's `weights` `[out, in]` and `bias` `[out]`, and those of the
/// ``Variant``. Cost: the chosen products, and in · out for the predictor.
public final class FeatureBoostedConv2d: Layer, HasInitialWeights {
    /// The number that describes an input channel.
    public enum Saliency: String, Sendable, CaseIterable {
        /// The mean of its values.
        case mean = "avg"
        /// Its largest value.
        case maximum = "max"
        /// The mean of absolute values.
        case l1
        /// The mean of squares.
        case l2
    }

    /// The order of operations.
    public enum Variant: String, Sendable, CaseIterable {
        /// relu(m · (g · norm(conv(x)) + beta)): the norm has no scale and shift of its own; `beta`
        /// `[out]` is a parameter. k = ⌈density · out⌉ and a channel wins if its gain is larger than the
        /// (k + 1)-th, so that ties at the limit are dropped. The paper's code.
        case reference
        /// relu(m · g · norm(conv(x))): convolution with bias, norm with scale and shift. k = ⌊density ·
        /// out⌋, and of equal gains those of lower channels win. As in FBS-practice for PyTorch.
        case boostedNorm = "boosted_norm"
    }

    /// Share of the channels that win.
    public let density: Double
    /// The number that describes an input channel.
    public let saliency: Saliency
    /// The order of operations.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv: Conv2d
    private let norm: BatchNorm2d
    private let predictor: Linear
    private let beta: Parameter?
    private let kernel: SelectedKernel

    /// A layer with seeded initial values; the predictor's bias is 1 and beta 0.1 at first.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output, with those that are suppressed.
    ///   - kernelSize: height and width of the kernel.
    ///   - stride: step in input pixels.
    ///   - padding: zeros around the input.
    ///   - density: share of the channels that win, above 0 and at most 1.
    ///   - saliency: the number that describes an input channel.
    ///   - variant: the order of operations.
    ///   - seed: for the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, density: Double = 1, saliency: Saliency = .mean,
        variant: Variant = .reference, seed: UInt64 = 0
    ) throws(ProteanError) {
        guard density > 0, density <= 1 else {
            throw .invalidOption(
                layer: "FeatureBoostedConv2d", option: "density",
                expected: "above 0 and at most 1", found: "\(density)")
        }
        self.density = density
        self.saliency = saliency
        self.variant = variant
        conv = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, bias: variant == .boostedNorm, seed: seed)
        norm = try BatchNorm2d(channels: outputChannels, affine: variant == .boostedNorm)
        predictor = try Linear(
            inputFeatures: inputChannels, outputFeatures: outputChannels, seed: seed &+ 1)
        try predictor.bias?.set(Tensor(repeating: 1, shape: [outputChannels]))
        beta =
            variant == .reference
            ? try Parameter(repeating: 0.1, shape: [outputChannels], layer: "FeatureBoostedConv2d")
            : nil
        kernel = try SelectedKernel(conv, norm)
    }

    /// The predictor's `weights` and `bias` and, in the reference's variant, `beta`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weights", predictor.weight)]
            + (predictor.bias.map { [NamedParameter("bias", $0)] } ?? [])
            + (beta.map { [NamedParameter("beta", $0)] } ?? [])
    }

    /// `conv` and `bn`.
    public var submodules: [NamedModule] { [NamedModule("conv", conv), NamedModule("bn", norm)] }

    /// `weights`.
    public var initialWeights: [InitialWeight] { [InitialWeight("weights", predictor.weight)] }

    /// The convolution's.
    public var channelFlow: ChannelFlow {
        .fixed(input: conv.geometry.inputChannels, output: conv.geometry.outputChannels)
    }

    /// The dense map, zeros where channels are suppressed.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: conv.geometry.inputChannels, layer: place)
        if x.isShapeOnly {
            _ = try predictor(Tensor(shapeOnly: [x.shape[0], x.shape[3]]))
            return try conv(x)
        }
        return try callAsFunction(SelectedMap(x)).map()
    }

    /// The winning channels of every sample.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: SelectedMap) throws(ProteanError) -> SelectedMap {
        guard x.channels == conv.geometry.inputChannels else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, height, width, \(conv.geometry.inputChannels)]",
                found: [x.batch] + x.size)
        }
        let choice = try DecisionSource.decide(
            site: place, batch: x.batch, actions: conv.geometry.outputChannels
        ) { () throws(ProteanError) in try winners(of: gains(x)) }
        let beta = beta?.value.elements
        let rows = choice.picks.map { picks in
            let list = picks.map(\.action), isAll = list.count == choice.actions
            return SelectedKernel.Row(
                channels: isAll ? nil : list, gates: picks.map(\.weight),
                gatesShift: true, bias: beta.map { beta in list.map { beta[$0] } })
        }
        return try kernel.run(
            x, rows, activation: .relu, name: "FeatureBoostedConv2d", label: label, layer: place)
    }

    /// Every output channel's gain before the winners are chosen, `[batch, out]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gains(_ x: SelectedMap) throws(ProteanError) -> Tensor {
        try predictor(try saliencies(x), activation: .relu)
    }

    private func saliencies(_ x: SelectedMap) throws(ProteanError) -> Tensor {
        let pixels = Float(max(x.size[0] * x.size[1], 1))
        return switch saliency {
        case .mean: try x.mean()
        case .maximum:
            try x.statistic { (map) throws(ProteanError) in try Operations.globalMaxPool(map) }
        case .l1, .l2:
            try x.statistic { (map) throws(ProteanError) in
                let statistic: ChannelStatistics = saliency == .l1 ? .l1 : .l2
                let sums = try Operations.channelStatistics(map, statistic)
                    .reshaped(to: [map.shape[0], map.shape[3]])
                let powers = saliency == .l1 ? sums : try Operations.square(sums)
                let divisors = try Tensor(repeating: pixels, shape: [1])
                return try Operations.divide(powers, divisors)
            }
        }
    }

    /// The channels that win, each with its gain as weight.
    private func winners(of gains: Tensor) throws(ProteanError) -> Choice {
        let count = conv.geometry.outputChannels, values = gains.elements
        let rows = (0..<gains.shape[0]).map { Array(values[$0 * count..<($0 + 1) * count]) }
        let picks = rows.map { row in
            winners(of: row).map { Choice.Pick(action: $0, weight: row[$0]) }
        }
        return Choice(trusted: picks, actions: count, scores: rows.map { $0.max() ?? 0 })
    }

    /// One sample's winners, ascending.
    private func winners(of gains: [Float]) -> [Int] {
        let numbers = gains.indices.filter { !gains[$0].isNaN }
        switch variant {
        case .reference:
            let keep = Int((density * Double(gains.count)).rounded(.up))
            let sorted = numbers.map { gains[$0] }.sorted(by: >)
            let limit = keep < sorted.count ? sorted[keep] : -Float.infinity
            return numbers.filter { gains[$0] > limit }
        case .boostedNorm:
            // A gain of 0 makes a channel 0, whether it wins or not.
            let keep = Int(density * Double(gains.count))
            let sorted = numbers.sorted {
                gains[$0] != gains[$1] ? gains[$0] > gains[$1] : $0 < $1
            }
            return sorted.prefix(keep).filter { gains[$0] > 0 }.sorted()
        }
    }
}
