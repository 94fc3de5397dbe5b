/// Where the kernels of a ``RegionAwareConv2d`` come from.
protocol RegionKernels: Sendable {
    var parameters: [NamedParameter] { get }
    var submodules: [NamedModule] { get }
    var bias: Parameter? { get }
    /// Numbers of `parameters`; those of submodules are traced with these.
    var ownParameters: Int { get }
    /// Multiply-adds of making the kernels of `active` regions, without those of submodules.
    func multiplyAdds(active: Int) -> Int
    func weights(_ x: Tensor, layer: String) throws(ProteanError) -> Operations.RegionWeights
}

/// Kernels mixed from a bank by factors that are computed from the pooled input.
final class MixedRegionKernels: RegionKernels {
    let weight: Parameter
    let bias: Parameter?
    private let geometry: Conv2dGeometry
    private let regions: Int, sets: Int
    private let routing: Linear
    private let packed = Derived<Key, PackedPanels>(capacity: 2)

    private struct Key: Equatable, Sendable {
        let isa: KernelISA
        let version: Int
    }

    init(
        _ geometry: Conv2dGeometry, regions: Int, sets: Int, bias: Bool, seed: UInt64
    ) throws(ProteanError) {
        let layer = "RegionAwareConv2d"
        try checkOption(sets, "sets", in: 1...OptionLimits.experts, layer: layer)
        self.geometry = geometry
        self.regions = regions
        self.sets = sets
        // The reference's bound.
        let bound = (6 / Float(geometry.fanIn)).squareRoot()
        weight = try Parameter(
            uniform: [geometry.weightShape.reduce(1, *), sets], in: -bound...bound, seed: seed,
            layer: layer)
        self.bias =
            bias
            ? try Parameter(repeating: 0, shape: [geometry.outputChannels], layer: layer) : nil
        routing = try Linear(
            inputFeatures: geometry.inputChannels, outputFeatures: regions * sets, seed: seed &+ 1)
    }

    var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    var submodules: [NamedModule] { [NamedModule("routing_fc", routing)] }

    var ownParameters: Int { weight.count + (bias?.count ?? 0) }

    func multiplyAdds(active: Int) -> Int { active * weight.count }

    func weights(_ x: Tensor, layer: String) throws(ProteanError) -> Operations.RegionWeights {
        let pooled = try Operations.globalAveragePool(x)
        let squashed = try routing(pooled, activation: .sigmoid)
        let mixing = try (squashed * (2 / Float(sets))).reshaped(to: [x.shape[0], regions, sets])
        let key = Key(isa: try Runtime.isa(), version: weight.version)
        let bank = try packed.value(for: key) { () throws(ProteanError) in
            // The bank's index is last in the file.
            let turned = try Operations.transpose(weight.value, 0, 1)
            return try PackedPanels(
                regionBank: try turned.reshaped(to: [sets] + geometry.weightShape),
                geometry: geometry, layer: layer)
        }
        return .mixed(bank: bank, sets: sets, mixing: mixing)
    }
}

/// Kernels computed from the input, pooled to the kernel's size.
final class GeneratedRegionKernels: RegionKernels {
    private let geometry: Conv2dGeometry
    private let first: Conv2d, second: Conv2d

    init(_ geometry: Conv2dGeometry, regions: Int, seed: UInt64) throws(ProteanError) {
        self.geometry = geometry
        // At most 2¹⁶ regions, and 2²⁴ channels each; Conv2d checks the products.
        let squashed = regions * regions
        let (kernels, overflow) = (geometry.outputChannels * geometry.inputChannels)
            .multipliedReportingOverflow(by: regions)
        guard !overflow else {
            throw .sizeOverflow(layer: "RegionAwareConv2d", what: "the regions' kernels")
        }
        first = try Conv2d(
            inputChannels: geometry.inputChannels, outputChannels: squashed, kernelSize: 1,
            seed: seed)
        second = try Conv2d(
            inputChannels: squashed, outputChannels: kernels, kernelSize: 1, groups: regions,
            seed: seed &+ 1)
    }

    var parameters: [NamedParameter] { [] }
    var bias: Parameter? { nil }
    var ownParameters: Int { 0 }

    var submodules: [NamedModule] {
        [NamedModule("conv_kernel", Pair(first: first, second: second))]
    }

    /// The reference keeps the two convolutions at places 1 and 3 of a sequence.
    private struct Pair: Module {
        let first: Conv2d, second: Conv2d
        var submodules: [NamedModule] { [NamedModule("1", first), NamedModule("3", second)] }
    }

    func multiplyAdds(active: Int) -> Int { 0 }

    func weights(_ x: Tensor, layer: String) throws(ProteanError) -> Operations.RegionWeights {
        let pooled = try Operations.adaptiveAvgPool2d(x, outputSize: geometry.kernelSize)
        let squashed = try Operations.activate(first(pooled), .sigmoid)
        // To [batch, kernels, height, width], PyTorch's order of weights.
        return .filters(try Operations.permute(second(squashed), [0, 3, 1, 2]))
    }
}
