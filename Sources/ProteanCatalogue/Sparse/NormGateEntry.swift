import Protean

extension LayerEntry {
    static let normGate = LayerEntry(
        "NormGate", family: .sparse,
        reference: "Skip-Conv NormGate in inference, norms not rounded to 1e-5",
        summary: .dynamic("the mask that a block computes under"),
        papers: ["2104.11487"],
        keys: [
            .required("kernel_size", "k or [kh, kw]"),
            .required("stride", "s or [sh, sw]"),
            .required("padding", "p or [ph, pw]"),
            .optional("type", "output", "\"output\" or \"input\""),
            .optional("eps", .number(0.1), "threshold", aliases: "epsilon"),
            .optional("norm", 1, "1"),
            .optional("divisor", .null, "a number; null: the output's height, as the reference"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]: a residual"),
            .init(
                "w", "[O, C/g, kh, kw]: the convolution's weight, for \"output\"", optional: true),
        ], outputs: [.decidedMask],
        golden: ["norm_gate", "norm_gate_grouped", "norm_gate_input"],
        benchmark: .generic("norm_gate", "h=56 w=56 c=64 k=64 r=3") { sizes in
            LayerSample(
                [
                    "kernel_size": sizes["r"], "stride": 1,
                    "padding": .number(Double(try sizes.int("r") / 2)),
                ],
                inputs: [
                    "x": .map(try sizes.map),
                    "w": .plain([
                        try sizes.int("k"), try sizes.int("c"), try sizes.int("r"),
                        try sizes.int("r"),
                    ]),
                ])
        }
    ) { configuration in
        try configuration.require("norm", 1)
        let size = try configuration.size("kernel_size")
        let stride = try configuration.size("stride")
        let padding = try configuration.padding("padding")
        let kind = try configuration.choice("type", of: NormGate.Kind.self)
        let epsilon = Float(try configuration.number("eps"))
        let divisor = try configuration.optionalNumber("divisor").map {
            NormGate.Divisor.number(Float($0))
        }
        @Sendable func gate(_ conv: Conv2d) throws -> NormGate {
            try NormGate(conv, kind: kind, epsilon: epsilon, divisor: divisor ?? .outputHeight)
        }
        @Sendable func conv(_ channels: Int) throws -> Conv2d {
            try Conv2d(
                inputChannels: channels, outputChannels: 1, kernelSize: size, stride: stride,
                padding: padding)
        }
        return BuiltLayer(try gate(try conv(1))) { inputs in
            let x = try inputs.map("x")
            guard kind == .output else { return [.map("y", try gate(conv(x.shape[3]))(x).mask())] }
            let weight = try inputs.plain("w")
            guard weight.rank == 4, weight.shape[1] > 0, weight.shape[2] == size.height,
                weight.shape[3] == size.width
            else {
                throw ProteanError.shapeMismatch(
                    layer: "NormGate", tensor: "w",
                    expected: "[O, C/g, \(size.height), \(size.width)]", found: weight.shape)
            }
            let gated = try Conv2d(
                weight: weight, stride: stride, padding: padding,
                groups: x.shape[3] / weight.shape[1])
            return [.map("y", try gate(gated)(x).mask())]
        }
    }
}
