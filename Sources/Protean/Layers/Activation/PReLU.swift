/// x for x > 0, else weight[c] · x, with one learned slope per channel or one for all.
///
/// He, Zhang, Ren, Sun, ICCV 2015 (arXiv 1502.01852). Any shape with channels innermost, the same
/// out. Parameter: `weight` `[channels]` or `[1]`.
public final class PReLU: Layer {
    /// The slopes, `[channels]` or `[1]`.
    public let weight: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// One slope for all channels by default, initially 0.25.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `channels` is
    ///   not in 1...2²⁴.
    public init(channels: Int = 1, initialValue: Float = 0.25) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "PReLU")
        weight = try Parameter(repeating: initialValue, shape: [channels], layer: "PReLU")
    }

    /// `weight`.
    public var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }

    /// The activated map.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when there are
    ///   several slopes and `x` has another number of channels.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard weight.count == 1 || x.shape.last == weight.count else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[…, \(weight.count)]", found: x.shape)
        }
        return try traced(
            "PReLU", path: label, input: x,
            cost: { .moving(x, $0, parameters: weight.count) }
        ) { () throws(ProteanError) in try Operations.prelu(x, slopes: weight.value) }
    }
}
