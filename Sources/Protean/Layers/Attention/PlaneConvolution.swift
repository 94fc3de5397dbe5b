/// The convolution and norm by which planes of means and maxima become one gate per position, under
/// a reference's names, run as one kernel.
final class PlaneConvolution: Module {
    /// The order of a reference's input channels.
    enum Order {
        /// The mean, then the maximum.
        case meanFirst
        /// The maximum, then the mean.
        case maximumFirst
        /// One channel: half the mean plus half the maximum.
        case average
    }

    /// Weights for planes of means and maxima, with the norm folded in.
    private struct Folded: Sendable {
        let weight: Tensor
        let shift: Float
    }

    let conv: Conv2d
    let norm: BatchNorm2d
    private let order: Order
    /// Whether the reference's height is the planes' width.
    private let isTransposed: Bool
    private let folded = Derived<[Int], Folded>()

    /// Kernels of `size` × `size`, which is odd.
    init(
        size: Int, order: Order, isTransposed: Bool = false, layer: String, seed: UInt64
    ) throws(ProteanError) {
        // Larger kernels than maps are possible, but beyond this size useless.
        guard size % 2 == 1, (1...1023).contains(size) else {
            throw .invalidOption(
                layer: layer, option: "kernelSize", expected: "an odd number in 1...1023",
                found: "\(size)")
        }
        self.order = order
        self.isTransposed = isTransposed
        conv = try Conv2d(
            inputChannels: order == .average ? 1 : 2, outputChannels: 1, kernelSize: Size2d(size),
            padding: .symmetric(height: size / 2, width: size / 2), bias: false, seed: seed)
        norm = try BatchNorm2d(channels: 1)
    }

    /// `conv` and `bn`.
    var submodules: [NamedModule] { [NamedModule("conv", conv), NamedModule("bn", norm)] }

    /// activation(norm(conv(planes))): `[batch, 2, height, width]` to `[batch, height, width, 1]`.
    func callAsFunction(
        _ planes: Tensor, _ activation: Activation, layer: String
    ) throws(ProteanError) -> Tensor {
        try traced(
            "Conv2d", path: conv.label, input: planes,
            cost: { conv.cost(input: planes, output: $0).folding(norm) }
        ) { () throws(ProteanError) in
            let folded = try folded.value(for: [conv.weight.version, norm.version], make: fold)
            return try Operations.planeGate(
                planes, weight: folded.weight, shift: folded.shift, activation: activation,
                layer: layer)
        }
    }

    private func fold() throws(ProteanError) -> Folded {
        let affine = try norm.scaleAndShift()
        let scale = affine.scale.elements[0], shift = affine.shift.elements[0]
        let size = conv.geometry.kernelSize.height, area = size * size
        let stored = conv.weight.value.elements
        let weights = (0..<2 * area).map { index -> Float in
            let (plane, tap) = (index / area, index % area)
            let at = isTransposed ? tap % size * size + tap / size : tap
            return switch order {
            case .meanFirst: stored[plane * area + at] * scale
            case .maximumFirst: stored[(1 - plane) * area + at] * scale
            case .average: stored[at] * scale / 2
            }
        }
        return Folded(weight: try Tensor(weights, shape: [2, size, size]), shift: shift)
    }
}
