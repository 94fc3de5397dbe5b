/// Spatial group-wise enhancement: a gate per pixel and group of channels from how similar the
/// pixel is to the group's mean.
///
/// `t = Σ_{c in g} x[c] · mean(x[c])` per pixel and group, the mean over height and width;
/// `y = x · sigmoid((t − mean(t)) / (std(t) + 1e-5) · weight[g] + bias[g])`, mean and unbiased
/// standard deviation of t over height and width. Li, Hu, Yang, "Spatial Group-wise Enhance:
/// Improving Semantic Feature Learning in Convolutional Networks", arXiv 1905.09646.
///
/// Input and output `[batch, height, width, channels]`, channels a multiple of `groups`, at least
/// one pixel. Parameters `weight`, zeros at first, and `bias`, ones at first, `[1, groups, 1, 1]`.
/// A map of one pixel has no deviation: its gates are sigmoid(bias), where the reference gives NaN.
/// Cost: two multiply-adds per element; the map is read three times and written once.
public final class SpatialGroupEnhance: SelfGating {
    /// Groups of channels.
    public let groups: Int
    /// `[1, groups, 1, 1]`.
    public let weight: Parameter
    /// `[1, groups, 1, 1]`.
    public let bias: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A layer that, until it is loaded, multiplies by sigmoid(1); the reference's 64 groups by
    /// default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(groups: Int = 64) throws(ProteanError) {
        try checkChannels(groups, "groups", layer: "SpatialGroupEnhance")
        self.groups = groups
        let shape = [1, groups, 1, 1]
        weight = try Parameter(repeating: 0, shape: shape, layer: "SpatialGroupEnhance")
        bias = try Parameter(repeating: 1, shape: shape, layer: "SpatialGroupEnhance")
    }

    /// `weight` and `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight), NamedParameter("bias", bias)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The factors of all elements, in the shape of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        let gates = try groupGates(of: x)
        let ones =
            x.isShapeOnly
            ? try Tensor(shapeOnly: x.shape) : try Tensor(repeating: 1, shape: x.shape)
        return try Operations.gateGroups(ones, by: gates, layer: place)
    }

    /// The gates, `[batch, height, width, groups]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func groupGates(of x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, x.shape[1] > 0, x.shape[2] > 0, x.shape[3] > 0, x.shape[3] % groups == 0
        else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, height, width, a multiple of \(groups)], at least one pixel",
                found: x.shape)
        }
        let similarity = try Operations.groupDot(
            x, try Operations.globalAveragePool(x), groups: groups)
        let (pixels, shape) = (x.shape[1] * x.shape[2], [x.shape[0], groups])
        let mean = try Operations.mean(similarity, axes: [1, 2], keepDimensions: true)
        let deviation = try Operations.standardDeviation(
            similarity, axes: [1, 2], unbiased: pixels > 1)
        let eps = try Tensor(repeating: 1e-5, shape: [1])
        let scale = try Operations.divide(
            weight.value.reshaped(to: [1, groups]), Operations.add(deviation, eps))
        let centred = try Operations.subtract(similarity, mean)
        let scaled = try Operations.scaleChannels(centred, by: scale.reshaped(to: shape))
        return try Operations.add(
            scaled, bias.value.reshaped(to: [1, 1, 1, groups]), activation: .sigmoid)
    }

    /// activation(y · factors + residual) with the factors of `x`, traced under this module.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func scaling(
        _ y: Tensor, byGatesOf x: Tensor, residual: Tensor? = nil,
        activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let gates = try groupGates(of: x)
        let scaled = try traced(
            typeName, path: label, input: y,
            cost: {
                Cost(multiplyAdds: $0.count + x.count, parameters: 2 * groups, bytes: 16 * $0.count)
            }
        ) { () throws(ProteanError) in
            try Operations.gateGroups(
                y, by: gates, residual: residual, activation: activation, layer: place)
        }
        try AttentionRecord.note(path: place, input: y) { () throws(ProteanError) in
            try Operations.gateGroups(try Tensor(repeating: 1, shape: y.shape), by: gates)
        }
        return scaled
    }

    /// An activation and a residual.
    public var epilogueParts: EpilogueParts { [.activation, .residual] }
}
