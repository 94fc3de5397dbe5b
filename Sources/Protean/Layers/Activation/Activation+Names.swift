extension Activation {
    private static let byName: [String: Activation] = [
        "identity": .identity, "linear": .identity, "none": .identity,
        "relu": .relu, "relu6": .relu6, "leakyrelu": .leakyReLU(slope: 0.01),
        "sigmoid": .sigmoid, "hardsigmoid": .hardSigmoid, "hardswish": .hardSwish,
        "silu": .silu, "swish": .silu, "gelu": .gelu, "gelutanh": .geluTanh,
        "gelupytorchtanh": .geluTanh, "mish": .mish, "tanh": .tanh,
    ]

    /// The activation that PyTorch or timm call by this name: `relu`, `ReLU6`, `hard_swish`,
    /// `Hardswish`, `silu`, `swish`, `gelu`, `gelu_tanh`, `leaky_relu` (slope 0.01) and so on.
    ///
    /// Case, `_` and `-` do not matter.
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)`` for any other name.
    public init(named name: String) throws(ProteanError) {
        let plain = name.lowercased().filter { $0 != "_" && $0 != "-" }
        guard let found = Self.byName[plain] else {
            throw .unknownName(kind: "activation", name: name, known: Self.byName.keys.sorted())
        }
        self = found
    }
}
