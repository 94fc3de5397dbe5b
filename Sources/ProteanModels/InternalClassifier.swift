import Protean

/// An exit of a shallow-deep network: a mixture of pooled maps, and a linear layer.
///
/// `y = linear(alpha · maxPool(x) + (1 − alpha) · meanPool(x))`, windows of a quarter of the map's size;
/// maps below 4 × 4 are not pooled. Kaya, Hong, Dumitras, arXiv 1810.07052. Input `[batch, size,
/// size, channels]`, output `[batch, classes]`. Parameters: `alpha` `[1]` where there is a pooling,
/// `linear.weight` in the order channel, row, column, `linear.bias`. Cost: that of the linear
/// layer.
public final class InternalClassifier: Layer {
    /// The mixture's share of the maxima; nil without pooling.
    public let alpha: Parameter?
    /// The classifier.
    public let linear: Linear
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let pools: (largest: MaxPool2d, mean: AvgPool2d)?

    /// A classifier with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, size: Int, classes: Int) throws(ProteanError) {
        try ExitOptions.check(
            [
                ("channels", channels, 1...OptionLimits.channels), ("size", size, 1...4096),
                ("classes", classes, 1...OptionLimits.channels),
            ], layer: "InternalClassifier")
        let window = size / 4, side = window > 0 ? size / window : size
        if window > 0 {
            alpha = Parameter(try Tensor(repeating: 0.5, shape: [1]))
            pools = (
                try MaxPool2d(kernelSize: Size2d(window)), try AvgPool2d(kernelSize: Size2d(window))
            )
        } else {
            (alpha, pools) = (nil, nil)
        }
        linear = try Linear(
            inputFeatures: channels * side * side, outputFeatures: classes)
    }

    /// `alpha`, if there is a pooling.
    public var parameters: [NamedParameter] { alpha.map { [NamedParameter("alpha", $0)] } ?? [] }

    /// `linear`.
    public var submodules: [NamedModule] { [NamedModule("linear", linear)] }

    /// The logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard let alpha, let pools else { return try linear(try Operations.flatten(x)) }
        let share = alpha.value.elements[0]
        let largest = try pools.largest(x) * share
        let mixed = try largest + pools.mean(x) * (1 - share)
        return try linear(try Operations.flatten(mixed))
    }
}
