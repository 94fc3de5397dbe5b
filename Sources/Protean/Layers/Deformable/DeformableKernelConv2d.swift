/// Depthwise convolution with deformable kernels: the input is read on the regular grid, and each
/// output samples its kernel from a larger one, the scope, at positions that depend on the input.
///
/// `y[n, oy, ox, c] = Σ_{i,j} x[n, oy·s − p + i·d, ox·s − p + j·d, c] · sample(scope[c], py, px)`,
/// `(py, px) = (i + (scopeHeight − k) / 2, j + (scopeWidth − k) / 2) + r`, where r is the (y, x)
/// that `rotation_conv(x)` gives for the tap. `sample` is bilinear, with zeros beyond the scope.
///
/// Gao, Zhu, Lin, Dai, "Deformable Kernels: Adapting Effective Receptive Fields for Object
/// Deformation", arXiv 1910.02940: the local form, `LocalDeformKernel2d` of the authors' code.
/// Input `[batch, height, width, channels]`, output as for ``Conv2d``. Parameters:
/// `rotation_conv.weight` `[2 · rotationGroups · k², channels, k, k]` and `.bias`, initially zero,
/// and `inner_conv.weight` `[channels, 1, scopeHeight, scopeWidth]`.
///
/// Channel c belongs to the rotation group c mod rotationGroups, not to a block of channels. Cost:
/// the rotations' convolution, and 5 multiply-adds per tap and channel of an output.
public final class DeformableKernelConv2d: Layer, SamplesPredictedPositions {
    /// Channels of input and output.
    public let channels: Int
    /// Height and width of the scope.
    public let scope: Size2d
    /// Groups of channels that share their rotations.
    public let rotationGroups: Int
    /// Whether positions are clamped to the scope: both coordinates to 0 … scope height − 1.
    public let clipsToScope: Bool
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let rotation: Conv2d
    private let weight: Parameter
    private let packed = Derived<Int, Tensor>()

    /// A layer with seeded weights, uniform in ±1/k, and rotations of zero.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int, scope: Size2d = 4, kernelSize: Int = 3, stride: Int = 1, padding: Int = 0,
        dilation: Int = 1, rotationGroups: Int = 1, clipsToScope: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        let place = "DeformableKernelConv2d"
        weight = try SampledKernel.depthwise(
            channels: channels, scope: scope, kernelSize: kernelSize, seed: seed, layer: place)
        guard rotationGroups >= 1, channels % rotationGroups == 0 else {
            throw .invalidOption(
                layer: place, option: "rotationGroups",
                expected: "a divisor of channels = \(channels)", found: "\(rotationGroups)")
        }
        rotation = try Conv2d.zeros(
            from: channels,
            to: try SampledKernel.predicted(
                taps: Size2d(kernelSize), numbers: 2 * rotationGroups, layer: place),
            kernelSize: Size2d(kernelSize), stride: Size2d(stride), padding: .symmetric(padding),
            dilation: Size2d(dilation))
        self.channels = channels
        self.scope = scope
        self.rotationGroups = rotationGroups
        self.clipsToScope = clipsToScope
    }

    /// `inner_conv.weight`.
    public var parameters: [NamedParameter] { [sampledWeight] }
    var sampledWeight: NamedParameter { NamedParameter("inner_conv.weight", weight) }

    /// `rotation_conv`.
    public var submodules: [NamedModule] { [NamedModule("rotation_conv", rotation)] }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let places = try rotation(x)
        let output = Array(places.shape.dropLast()) + [channels]
        return try traced(
            "DeformableKernelConv2d", path: label, input: x, cost: { cost(x, places, $0) }
        ) { () throws(ProteanError) in
            let scope = try packed.value(for: weight.version) {
                () throws(ProteanError) in try regrouped()
            }
            guard case .explicit(let padding, _, _, _) = rotation.geometry.padding else {
                throw .noValues(layer: place)
            }
            return try Operations.deformKernel(
                x, rotation: places, scope: scope, kernelSize: rotation.geometry.kernelSize.width,
                stride: rotation.geometry.stride.width, padding: padding,
                dilation: rotation.geometry.dilation.width, clip: clipsToScope, output: output,
                layer: place)
        }
    }

    /// `[channels, 1, height, width]` as `[height, width, group, channel within the group]`.
    private func regrouped() throws(ProteanError) -> Tensor {
        let values = weight.value.elements
        let cells = scope.height * scope.width, width = channels / rotationGroups
        var moved = [Float](repeating: 0, count: values.count)
        for c in 0..<channels {
            let to = c % rotationGroups * width + c / rotationGroups
            for cell in 0..<cells { moved[cell * channels + to] = values[c * cells + cell] }
        }
        return try Tensor(moved, shape: [scope.height, scope.width, rotationGroups, width])
    }

    private func cost(_ x: Tensor, _ places: Tensor, _ y: Tensor) -> Cost {
        let taps = rotation.geometry.kernelSize.height * rotation.geometry.kernelSize.width
        return Cost(
            multiplyAdds: 5 * taps * y.count, parameters: weight.count,
            bytes: (x.count + places.count + y.count + weight.count) * MemoryLayout<Float>.stride)
    }
}
