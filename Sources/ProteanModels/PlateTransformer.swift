import Protean

/// Straightens the image of a plate: a small network predicts an affine map, by which the image is
/// sampled anew.
///
/// Jaderberg, Simonyan, Zisserman, Kavukcuoglu, "Spatial Transformer Networks", arXiv 1506.02025,
/// with the layers and names of xuexingyu24's network. Input and output `[batch, 24, 94, 3]`.
public final class PlateTransformer: Layer {
    /// Where the network stands in a model.
    public let label: Label? = Label()
    private let first, second: Conv2d
    private let hidden, theta: Linear
    private let pools: [MaxPool2d]

    /// A network with seeded initial values, except that the map is the identity.
    ///
    /// - Throws: never for its fixed sizes.
    public init() throws(ProteanError) {
        first = try Conv2d(inputChannels: 3, outputChannels: 32, kernelSize: 3)
        second = try Conv2d(inputChannels: 32, outputChannels: 32, kernelSize: 5)
        hidden = try Linear(inputFeatures: 32 * 14 * 2, outputFeatures: 32)
        theta = try Linear(
            weight: try Tensor(zeros: [6, 32]), bias: try Tensor([1, 0, 0, 0, 1, 0], shape: [6]))
        pools = [try MaxPool2d(kernelSize: 2), try MaxPool2d(kernelSize: 3)]
    }

    /// `localization.0`, `localization.3`, `fc_loc.0` and `fc_loc.2`.
    public var submodules: [NamedModule] {
        [
            NamedModule("localization.0", first), NamedModule("localization.3", second),
            NamedModule("fc_loc.0", hidden), NamedModule("fc_loc.2", theta),
        ]
    }

    /// The affine maps, `[batch, 6]`.
    ///
    /// - Throws: ``ProteanError`` when `x` is not `[batch, 24, 94, 3]`.
    public func maps(of x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, Array(x.shape.dropFirst()) == [24, 94, 3] else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, 24, 94, 3]", found: x.shape)
        }
        let relu = Conv2dEpilogue(activation: .relu)
        // A maximum of ReLUs is the ReLU of the maximum.
        let low = try pools[0](try first(x, epilogue: relu))
        let high = try pools[1](try second(low, epilogue: relu))
        return try theta(try hidden(try Operations.flatten(high), activation: .relu))
    }

    /// The straightened images.
    ///
    /// - Throws: ``ProteanError`` when `x` is not `[batch, 24, 94, 3]`.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try SpatialTransformer()(x, theta: try maps(of: x))
    }
}
