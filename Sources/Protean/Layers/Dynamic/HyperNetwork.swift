/// A small network that generates the kernels of convolutions from embeddings.
///
/// For an embedding z: `a = z w2 + b2`, viewed as `[inputs, zSize]`; `K = a w1 + b1`,
/// `[inputs, outputs · k · k]`, whose numbers in this order are the kernel `[outputs, inputs, k, k]`.
/// That is a view, not a transposition: it is kept since checkpoints depend on it. Ha, Dai, Le,
/// "HyperNetworks", arXiv 1609.09106; names as g1910/HyperNetworks.
///
/// Parameters: `w1` `[zSize, outputs · k · k]`, `b1` `[outputs · k · k]`, `w2`
/// `[zSize, inputs · zSize]`, `b2` `[inputs · zSize]`. Shared by the layers of a model; see
/// ``HyperNetworkConv2d``.
public final class HyperNetwork: Module {
    /// Side of the kernels.
    public let kernelSize: Int
    /// Numbers of an embedding.
    public let zSize: Int
    /// Input channels of a generated block.
    public let inputs: Int
    /// Output channels of a generated block.
    public let outputs: Int
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let own: [NamedParameter]

    /// A network with seeded initial values in ±1/√zSize.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        kernelSize: Int = 3, zSize: Int = 64, outputs: Int = 16, inputs: Int = 16, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "HyperNetwork"
        try checkOption(kernelSize, "kernelSize", in: 1...1024, layer: layer)
        for (option, size) in [("zSize", zSize), ("outputs", outputs), ("inputs", inputs)] {
            try checkOption(size, option, in: 1...OptionLimits.experts, layer: layer)
        }
        self.kernelSize = kernelSize
        self.zSize = zSize
        self.inputs = inputs
        self.outputs = outputs
        func parameter(_ shape: [Int], _ index: UInt64) throws(ProteanError) -> Parameter {
            try Parameter(uniform: shape, fanIn: zSize, seed: seed &+ index, layer: layer)
        }
        let taps = outputs * kernelSize * kernelSize
        own = [
            NamedParameter("w1", try parameter([zSize, taps], 0)),
            NamedParameter("b1", try parameter([taps], 1)),
            NamedParameter("w2", try parameter([zSize, inputs * zSize], 2)),
            NamedParameter("b2", try parameter([inputs * zSize], 3)),
        ]
    }

    /// `w1`, `b1`, `w2` and `b2`.
    public var parameters: [NamedParameter] { own }

    /// The kernels of embeddings `[count, zSize]`: `[count, outputs, inputs, k, k]`.
    ///
    /// Cost: count · inputs · zSize · (zSize + outputs · k · k) multiply-adds.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func kernels(of embeddings: Tensor) throws(ProteanError) -> Tensor {
        guard embeddings.rank == 2, embeddings.shape[1] == zSize else {
            throw .shapeMismatch(
                layer: place, tensor: "embeddings", expected: "[count, \(zSize)]",
                found: embeddings.shape)
        }
        let count = embeddings.shape[0], values = own.map(\.parameter.value)
        let a = try (Operations.matmul(embeddings, values[2]) + values[3])
            .reshaped(to: [count * inputs, zSize])
        return try (Operations.matmul(a, values[0]) + values[1])
            .reshaped(to: [count, outputs, inputs, kernelSize, kernelSize])
    }

    var version: Int { own.reduce(0) { $0 + $1.parameter.version } }
}
