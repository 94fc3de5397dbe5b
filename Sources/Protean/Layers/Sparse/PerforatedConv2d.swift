/// A convolution that is computed at some outputs only; the others take the value of the nearest one.
///
/// `y[p] = conv(x)[nearest(p)]`, where the computed outputs are fixed by a ``PerforationMask`` for
/// all inputs of a size; distances are Euclidean, and of equally near outputs the first in
/// row-major order is taken. Figurnov, Ibraimova, Vetrov, Kohli, "PerforatedCNNs: Acceleration
/// through Elimination of Redundant Convolutions", arXiv 1504.08362.
///
/// Input `[batch, height, width, inputChannels]`, output as of ``Conv2d``, parameters `weight` and
/// `bias` as there. Computed outputs equal the dense direct result bit for bit. Mask and nearest
/// pixels are computed once per size and cached. Cost: the computed outputs · out · in / groups ·
/// kernel area multiply-adds, and one copy of the map.
public final class PerforatedConv2d: Layer {
    /// The dense convolution with the same parameters.
    public let conv: Conv2d
    /// The outputs that are computed.
    public let mask: PerforationMask
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let fused: FusedMaskedConv2d

    private struct Key: Equatable, Sendable {
        var batch: Int
        var size: Size2d
    }
    private struct Plan: Sendable {
        let mask: MaskPlan
        let nearest: NearestPixels
    }
    private let plans = Derived<Key, Plan>(capacity: 4)

    /// A layer with seeded initial values, uniform in ±1/√(inputs per output).
    ///
    /// - Throws: ``ProteanError`` naming the option.
    public convenience init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, bias: Bool = true,
        mask: PerforationMask, seed: UInt64 = 0
    ) throws(ProteanError) {
        try self.init(
            try Conv2d(
                inputChannels: inputChannels, outputChannels: outputChannels,
                kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation,
                groups: groups, bias: bias, seed: seed),
            mask: mask)
    }

    /// The perforated form of a convolution, with the same parameters.
    ///
    /// - Throws: ``ProteanError`` when the mask's rate is not above 0 and at most 1, or its map has
    ///   a wrong number of axes or no values.
    public init(_ conv: Conv2d, mask: PerforationMask) throws(ProteanError) {
        try mask.check()
        self.conv = conv
        self.mask = mask
        fused = try FusedMaskedConv2d(conv, algorithm: .direct)
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { conv.parameters }

    /// The outputs that are computed for inputs of shape `[batch, height, width, inputChannels]`, the
    /// same ones in every sample.
    ///
    /// - Throws: ``ProteanError`` when the shape or the mask does not fit.
    public func computedOutputs(for input: [Int]) throws(ProteanError) -> MaskPlan {
        try plan(for: input).mask
    }

    /// The convolution, exact at the computed outputs.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or the mask is not of the output's size or
    ///   has no computed output.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let plan = try plan(for: x.shape)
        let rows = try fused.rows(x, mask: plan.mask)
        return try plan.nearest.map(from: rows, batch: x.shape[0], layer: place)
    }

    private func plan(for input: [Int]) throws(ProteanError) -> Plan {
        let output = try conv.geometry.plan(for: input, layer: place).outputShape
        let key = Key(batch: output[0], size: Size2d(height: output[1], width: output[2]))
        return try plans.value(for: key) { () throws(ProteanError) in
            let one = try mask.plan(for: key.size, layer: place)
            let nearest = try NearestPixels(one, layer: place)
            return Plan(mask: try one.repeated(key.batch), nearest: nearest)
        }
    }
}

extension MaskPlan {
    /// A plan of `batch` samples, each with the mask of this plan's first sample.
    func repeated(_ batch: Int) throws(ProteanError) -> MaskPlan {
        let count = try Shape.elementCount([batch, size.height, size.width], layer: "MaskPlan")
        try Memory.check(count, of: UInt8.self, layer: "MaskPlan")
        var bytes = [UInt8](repeating: 0, count: size.height * size.width)
        for pixel in activePixels.first ?? [] { bytes[Int(pixel)] = 1 }
        return try MaskPlan(
            bytes: [[UInt8]](repeating: bytes, count: batch).flatMap { $0 }, batch: batch,
            size: size)
    }
}
