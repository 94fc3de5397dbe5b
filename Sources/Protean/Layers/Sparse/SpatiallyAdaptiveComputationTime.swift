/// A stage of residual units in which every pixel decides after how many units it halts.
///
/// After unit u the score `s = conv3x3(bn(state)) + conv1x1(bn(mean(state)))` gives the halting
/// probability `h = σ(s)`; the last unit's is 1. A pixel runs until its sum of probabilities reaches
/// `1 − epsilon`; then its state is frozen. Unit u's state counts with weight `h` while the pixel runs,
/// with the remainder `R = 1 − Σ earlier h` in the unit where it halts, and not afterwards:
/// `y = Σ w · state`. Figurnov, Collins, Zhu, Zhang, Huang, Vetrov, Salakhutdinov, "Spatially Adaptive
/// Computation Time for Residual Networks", arXiv 1612.02297.
///
/// Residuals are computed at running pixels only, and each earlier convolution at the pixels that
/// the next one reads; the first unit, which may stride, is dense. Units are those of
/// ``DynConvBasicBlock`` and ``DynConvBottleneck`` without their masks, with the activation after
/// the sum; the paper's units have it before the convolutions.
///
/// Input `[batch, height, width, inputChannels]`. Parameters `unit_1.conv1` …, as of those blocks,
/// and `unit_1.halting_proba.local_bn`, `.local_conv`, `.global_bn`, `.global_conv`, which the last
/// unit does not have. Cost: each unit's residual at its running pixels. With a shape only: all units
/// at all pixels, the upper bound.
public final class SpatiallyAdaptiveComputationTime: ConditionalLayer {
    /// The form of the residual units.
    public enum Unit: String, Sendable, CaseIterable {
        /// Two 3 × 3 convolutions; `planes` output channels.
        case basic
        /// 1 × 1, 3 × 3 and 1 × 1 convolutions; `4 · planes` output channels.
        case bottleneck
    }

    /// The result of a stage.
    public struct Result: Sendable {
        /// Σ w · state, `[batch, height', width', channels]`.
        public let output: Tensor
        /// Units plus remainder, N + R, of every pixel, `[batch, height', width', 1]`.
        public let ponderCost: Tensor
        /// Units N that computed each pixel, `[batch, height', width', 1]`.
        public let units: Tensor
        /// The pixels that ran in each unit.
        public let active: [MaskPlan]
    }

    /// A pixel halts when its sum of probabilities is at least 1 − epsilon.
    public let epsilon: Float
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// `unit_1`, `unit_2`, ….
    public let submodules: [NamedModule]

    private let units: [SACTUnit]

    /// A stage with seeded initial values and halting biases of −3.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - planes: width of the units.
    ///   - units: number of units, 1...1024.
    ///   - unit: form of the units.
    ///   - stride: of the first unit.
    ///   - downsample: whether the first unit's shortcut has a convolution and a norm; needed where
    ///     stride or channels change.
    ///   - epsilon: at least 0, below 1.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputChannels: Int, planes: Int, units: Int, unit: Unit = .bottleneck, stride: Int = 1,
        downsample: Bool = false, epsilon: Float = 0.01, seed: UInt64 = 0
    ) throws(ProteanError) {
        let name = "SpatiallyAdaptiveComputationTime"
        try checkOption(units, "units", in: 1...OptionLimits.depth, layer: name)
        guard epsilon >= 0, epsilon < 1 else {
            throw .invalidOption(
                layer: name, option: "epsilon", expected: "at least 0 and below 1",
                found: "\(epsilon)")
        }
        self.epsilon = epsilon
        var list: [SACTUnit] = []
        var channels = inputChannels
        for index in 0..<units {
            let first = index == 0
            list.append(
                try SACTUnit(
                    unit, name, inputChannels: channels, planes: planes,
                    stride: first ? stride : 1, downsample: first && downsample,
                    halts: index < units - 1, seed: seed &+ 8 &* UInt64(index)))
            channels = unit == .basic ? planes : 4 * planes
        }
        self.units = list
        submodules = list.enumerated().map { NamedModule("unit_\($0.offset + 1)", $0.element) }
    }

    /// The stage's result. A tensor with a shape only runs all units at all pixels, and the maps of
    /// the result carry shapes only, too.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Result {
        if x.isShapeOnly { return try bound(x) }
        var state = try units[0].steps.runDense(x)
        let size = Size2d(height: state.shape[1], width: state.shape[2])
        var halting = try HaltingState(batch: state.shape[0], size: size)
        var output = try Tensor(uninitialized: state.shape, for: place)
        var active: [MaskPlan] = []
        for (index, unit) in units.enumerated() {
            let running = try MaskPlan(halting.running)
            active.append(running)
            if index > 0 { try unit.steps.update(&state, mask: running, layer: unit.place) }
            let weights = try halting.step(
                running, scores: try unit.halting?(state, active: running), limit: 1 - epsilon,
                layer: place)
            try Operations.addWeighted(
                state, weights, at: running, to: &output, begins: index == 0, layer: place)
        }
        return Result(
            output: output, ponderCost: halting.ponder, units: halting.units, active: active)
    }

    /// All units at all pixels, without values.
    private func bound(_ x: Tensor) throws(ProteanError) -> Result {
        var state = x
        for unit in units {
            state = try unit.steps.runDense(state)
            try unit.halting?.dense(state)
        }
        let everywhere = try MaskPlan(allOf: state)
        let map = try Tensor(shapeOnly: Array(state.shape.dropLast()) + [1])
        return Result(
            output: state, ponderCost: map, units: map,
            active: [MaskPlan](repeating: everywhere, count: units.count))
    }
}

extension SpatiallyAdaptiveComputationTime {
    /// The output, and the pixels that ran in each unit; all of them for a tensor with a shape only.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: [MaskPlan]) {
        let result = try self(x)
        return (result.output, result.active)
    }
}

/// A residual unit and, except for the last unit, its halting scores.
final class SACTUnit: Module {
    let label: Label? = Label()
    let steps: DynConvSteps
    let halting: HaltingMap?
    let submodules: [NamedModule]

    init(
        _ unit: SpatiallyAdaptiveComputationTime.Unit, _ layer: String, inputChannels: Int,
        planes: Int, stride: Int, downsample: Bool, halts: Bool, seed: UInt64
    ) throws(ProteanError) {
        let residual =
            switch unit {
            case .basic:
                try MaskedResidual.basic(
                    layer, inputChannels: inputChannels, planes: planes, stride: stride,
                    downsample: downsample, seed: seed)
            case .bottleneck:
                try MaskedResidual.bottleneck(
                    layer, inputChannels: inputChannels, planes: planes, stride: stride,
                    downsample: downsample, seed: seed)
            }
        steps = residual.steps
        halting =
            halts
            ? try HaltingMap(channels: unit == .basic ? planes : 4 * planes, seed: seed &+ 5) : nil
        submodules =
            residual.parts + (halting.map { [NamedModule("halting_proba", $0)] } ?? [])
    }
}
