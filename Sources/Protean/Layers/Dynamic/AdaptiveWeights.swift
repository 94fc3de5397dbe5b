/// The packed weights of a pixel-adaptive layer, kept until a parameter changes.
final class AdaptiveWeights: Sendable {
    private struct Key: Equatable, Sendable {
        let isa: KernelISA
        let version: Int
    }

    private let panels = Derived<Key, PackedPanels>(capacity: 2)
    private let filters = Derived<Key, PackedDeformableConv2d>(capacity: 2)

    /// Throws for even kernels, and for shared filters that would change the number of channels.
    static func check(
        _ kernel: Size2d, _ inputs: Int, _ outputs: Int, _ sharesFilters: Bool, layer: String
    ) throws(ProteanError) {
        guard kernel.height % 2 == 1, kernel.width % 2 == 1 else {
            throw .invalidOption(
                layer: layer, option: "kernelSize", expected: "odd sizes", found: "\(kernel)")
        }
        guard !sharesFilters || inputs == outputs else {
            throw .invalidOption(
                layer: layer, option: "outputChannels",
                expected: "\(inputs), the input's, with shared filters", found: "\(outputs)")
        }
    }

    /// The reference's bound of initial values.
    static func bound(_ geometry: Conv2dGeometry, _ sharesFilters: Bool) -> Float {
        let bound = 1 / Float(geometry.fanIn).squareRoot()
        return sharesFilters ? bound * Float(geometry.inputChannels) : bound
    }

    /// `weight`, `[out, in, height, width]`, packed for the current instruction set; with
    /// `isTransposed` it is `[in, out, height, width]`.
    func packed(
        _ weight: Parameter, isTransposed: Bool = false, _ call: AdaptiveCall, layer: String
    ) throws(ProteanError) -> PackedPanels {
        let key = Key(isa: try Runtime.isa(), version: weight.version)
        return try panels.value(for: key) { () throws(ProteanError) in
            let value =
                isTransposed ? try Operations.permute(weight.value, [1, 0, 2, 3]) : weight.value
            return try PackedPanels(adaptive: value, call, layer: layer)
        }
    }

    /// The form with one filter for all channels: a depthwise convolution whose taps are multiplied by
    /// the factors, which is a modulated deformable one without displacements.
    func shared(
        _ x: Tensor, kernels: Tensor, _ weight: Parameter, _ bias: Parameter?,
        _ geometry: Conv2dGeometry, _ epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        var depthwise = geometry
        depthwise.groups = geometry.inputChannels
        let key = Key(
            isa: try Runtime.isa(), version: weight.version + (bias?.version ?? 0))
        let filters = try filters.value(for: key) { () throws(ProteanError) in
            try PackedDeformableConv2d(
                weights: try weight.value.tiled([geometry.outputChannels, 1, 1, 1]),
                bias: bias?.value, scale: nil, shift: nil, geometry: depthwise, isa: key.isa,
                layer: layer)
        }
        let taps = geometry.kernelSize.height * geometry.kernelSize.width
        let still = Displacements(
            offset: try Tensor(zeros: [2 * taps]), mask: kernels, shared: true)
        return try Operations.deformConv2d(x, filters, at: still, epilogue: epilogue, layer: layer)
    }
}
