/// Active convolution: every tap samples the input at its own fractional position, which is the
/// same for all outputs.
///
/// `y[n, oy, ox, o] = bias[o] + Σ_{t,c} weight[o, c, t] · sample(x[n, :, :, c], py, px)`,
/// `(py, px) = (oy · s − p + ⌊k / 2⌋ + ypos[g, t], ox · s − p + ⌊k / 2⌋ + xpos[g, t])`, g = o's
/// position group; `sample` is bilinear with zeros outside the image.
///
/// Jeon, Kim, "Active Convolution: Learning the Shape of Convolution for Image Classification",
/// arXiv 1703.09076: the authors' `AConvFast` layer of type `SQUARE`. Input `[batch, height, width,
/// inputChannels]`, output `[batch, height', width', outputChannels]`,
/// `height' = ⌊(height + 2 · p − 2 · ⌊k / 2⌋ − 1) / s⌋ + 1`. Parameters: `weight` `[out, in, k, k]`,
/// `bias` `[out]`, `xpos` and `ypos` `[positionGroups, 1, k, k]`. A position group is a block of
/// outputs / positionGroups output channels.
///
/// Tap 0 is the centre, which training pins to (0, 0); the others start on a circle. The weights of
/// a ``Conv2d`` with odd kernel fit when positions are the regular grid, tap (i, j) at (i − ⌊k /
/// 2⌋, j − ⌊k / 2⌋): then the result is that of a direct one, bit for bit. Runs as a
/// ``DeformableConv2d`` per position group, with the same displacements for all outputs. Cost: as
/// ``Conv2d``, plus four multiply-adds per sampled channel and position group.
public final class ActiveConv2d: Layer {
    /// Channels, kernel size, stride and padding.
    public let geometry: Conv2dGeometry
    /// Blocks of output channels that share their positions.
    public let positionGroups: Int
    /// `[out, in, k, k]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// `[positionGroups, 1, k, k]`: along the width, from the centre.
    public let xPositions: Parameter
    /// `[positionGroups, 1, k, k]`: along the height, from the centre.
    public let yPositions: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// One position group's convolution: `outputs / positionGroups` filters.
    private let part: Conv2dGeometry
    private let parts = Derived<PartKey, [PackedDeformableConv2d]>(capacity: 4)
    private let displacements = Derived<Int, [Tensor]>()

    private struct PartKey: Equatable, Sendable {
        var isa: KernelISA
        var weight, bias: Int
    }

    /// A layer with seeded weights, uniform in ±1/√(inputs per output), and positions on a circle.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - kernelSize: k, 1...1024; an even one needs a padding of at least 1.
    ///   - stride: step between outputs, in pixels of the input.
    ///   - padding: as for ``Conv2d`` with an odd kernel.
    ///   - positionGroups: blocks of output channels with positions of their own.
    ///   - bias: whether a bias per output channel is added.
    ///   - baseRadius: the circle's radius in pixels, above 0.
    ///   - baseAngle: the angle of tap 1, in radians.
    ///   - positionDeviation: standard deviation of noise on the positions, in radii; below 0, no
    ///     noise, and positions are rounded to whole pixels.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int = 3, stride: Int = 1,
        padding: Int = 0, positionGroups: Int = 1, bias: Bool = true, baseRadius: Float = 1,
        baseAngle: Float = 0, positionDeviation: Float = 0.05, seed: UInt64 = 0
    ) throws(ProteanError) {
        let place = "ActiveConv2d"
        guard positionGroups >= 1, outputChannels % positionGroups == 0 else {
            throw .invalidOption(
                layer: place, option: "positionGroups",
                expected: "a divisor of outputChannels = \(outputChannels)",
                found: "\(positionGroups)")
        }
        try checkOption(kernelSize, "kernelSize", in: 1...1 << 10, layer: place)
        try checkChannels(outputChannels, "outputChannels", layer: place)
        let isEven = kernelSize % 2 == 0
        guard ((isEven ? 1 : 0)...OptionLimits.length).contains(padding) else {
            throw .invalidOption(
                layer: place, option: "padding",
                expected: isEven ? "1...1048576 with an even kernel" : "0...1048576",
                found: "\(padding)")
        }
        guard baseRadius > 0, (baseRadius + baseAngle + positionDeviation).isFinite else {
            throw .invalidOption(
                layer: place, option: "baseRadius, baseAngle, positionDeviation",
                expected: "finite numbers, a radius above 0",
                found: "\(baseRadius), \(baseAngle), \(positionDeviation)")
        }
        // An even kernel gives one row less than an ordinary convolution.
        let after = padding - (isEven ? 1 : 0)
        func make(_ outputs: Int) throws(ProteanError) -> Conv2dGeometry {
            try Conv2dGeometry(
                inputChannels: inputChannels, outputChannels: outputs,
                kernelSize: Size2d(kernelSize), stride: Size2d(stride),
                padding: .explicit(top: padding, bottom: after, left: padding, right: after),
                algorithm: .direct, layer: place)
        }
        geometry = try make(outputChannels)
        part = try make(outputChannels / positionGroups)
        self.positionGroups = positionGroups
        let fanIn = geometry.fanIn
        weight = try Parameter(
            uniform: geometry.weightShape, fanIn: fanIn, seed: seed, layer: place)
        self.bias =
            bias
            ? try Parameter(uniform: [outputChannels], fanIn: fanIn, seed: ~seed, layer: place)
            : nil
        let circle = PositionCircle(
            taps: kernelSize * kernelSize, groups: positionGroups, radius: Double(baseRadius),
            angle: Double(baseAngle), deviation: Double(positionDeviation), seed: seed)
        let shape = [positionGroups, 1, kernelSize, kernelSize]
        xPositions = try Parameter(shape: shape, layer: place) { values in
            circle.forEachPoint { index, x, _ in values[index] = x }
        }
        yPositions = try Parameter(shape: shape, layer: place) { values in
            circle.forEachPoint { index, _, y in values[index] = y }
        }
    }

    /// `weight`, `bias` if there is one, `xpos` and `ypos`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
            + [NamedParameter("xpos", xPositions), NamedParameter("ypos", yPositions)]
    }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("ActiveConv2d", path: label, input: x, cost: { cost(x, $0) }) {
            () throws(ProteanError) in
            let offsets = try displacements.value(for: xPositions.version + yPositions.version) {
                () throws(ProteanError) in try makeDisplacements()
            }
            let packed = try parts.value(
                for: PartKey(
                    isa: Runtime.isa(), weight: weight.version, bias: bias?.version ?? -1)
            ) { () throws(ProteanError) in try pack() }
            let places = offsets.map { Displacements(offset: $0, shared: true) }
            var outputs: [Tensor] = []
            for (weights, place) in zip(packed, places) {
                outputs.append(
                    try Operations.deformConv2d(
                        x, weights, at: place, epilogue: Conv2dEpilogue(), layer: self.place))
            }
            let y =
                outputs.count == 1 ? outputs[0] : try Operations.concatenate(outputs, axis: 3)
            SamplingRecord.current?.append(
                path: place, input: x, output: y,
                ConvolutionPlaces(geometry: geometry, displacements: places))
            return y
        }
    }

    /// Per position group, (y, x) of each tap relative to its position in an ordinary convolution.
    private func makeDisplacements() throws(ProteanError) -> [Tensor] {
        let (x, y) = (xPositions.value.elements, yPositions.value.elements)
        let k = geometry.kernelSize.width, taps = k * k
        var result: [Tensor] = []
        for group in 0..<positionGroups {
            var offsets: [Float] = []
            for tap in 0..<taps {
                offsets.append(y[group * taps + tap] + Float(k / 2 - tap / k))
                offsets.append(x[group * taps + tap] + Float(k / 2 - tap % k))
            }
            result.append(try Tensor(offsets, shape: [2 * taps]))
        }
        return result
    }

    private func pack() throws(ProteanError) -> [PackedDeformableConv2d] {
        let values = weight.value.elements, biases = bias?.value.elements
        let outputs = part.outputChannels, count = outputs * part.fanIn
        let isa = try Runtime.isa()
        var result: [PackedDeformableConv2d] = []
        for group in 0..<positionGroups {
            let filters = try Tensor(
                values[group * count..<(group + 1) * count], shape: part.weightShape)
            var own: Tensor?
            if let biases {
                own = try Tensor(biases[group * outputs..<(group + 1) * outputs], shape: [outputs])
            }
            result.append(
                try PackedDeformableConv2d(
                    weights: filters, bias: own, scale: nil, shift: nil, geometry: part, isa: isa,
                    layer: place))
        }
        return result
    }

    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let parameters = weight.count + (bias?.count ?? 0) + 2 * positionGroups * area
        let sampled = y.count / geometry.outputChannels * geometry.fanIn * positionGroups
        return Cost(
            multiplyAdds: y.count * geometry.fanIn + 4 * sampled, parameters: parameters,
            bytes: (x.count + y.count + parameters) * MemoryLayout<Float>.stride)
    }
}
