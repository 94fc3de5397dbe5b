import Protean

/// Units that decide where other layers compute; their result is the mask.
enum MaskUnitAdapters {
    static let all = [dynConvMaskUnit, lasNetMaskUnit, dgNetSpatialGate, normGate]

    private static let mask = [LayerAdapter.TensorDescription("y", "[B, 1, H', W'], 0 or 1")]

    private static let dynConvMaskUnit = LayerAdapter(
        "DynConvMaskUnit", reference: "dynconv MaskUnit, its hard mask in inference",
        keys: [
            .required("channels", "channels C"),
            .optional("stride", 1, "s"),
            .optional("kind", "squeeze", "\"squeeze\" or, for pose networks, \"pointwise\""),
        ],
        weights: [
            .init("maskconv.fc.*", "[1, C], [1]", optional: true),
            .init("maskconv.conv.*", "[1, C, 3, 3], [1]", optional: true),
            .init("maskconv.*", "[1, C, 1, 1], [1]: pointwise", optional: true),
        ], outputs: mask
    ) { configuration in
        let layer = try DynConvMaskUnit(
            channels: configuration.positive("channels"),
            stride: Size2d(configuration.positive("stride")),
            kind: configuration.choice("kind", of: DynConvMaskUnit.Kind.self))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(try inputs.map("x")).mask())]
        }
    }

    private static let lasNetMaskUnit = LayerAdapter(
        "LASNetMaskUnit", reference: "LASNet Masker in inference, the mask before its dilation",
        keys: [
            .required("in_channels", "channels C"),
            .optional("mask_channel_group", 1, "1"),
            .required("mask_size", "cells m, or [mh, mw]"),
            .optional("feature_size", 32, "height and width f of the block's output, or [fh, fw]"),
            .optional("dilate_stride", 1, "stride s of the block; the input is s times as large"),
        ],
        weights: [.init("conv2.weight, conv2.bias", "[2, C, 1, 1], [2]")], outputs: mask
    ) { configuration in
        try configuration.require("mask_channel_group", 1)
        let (cells, output) = (
            try configuration.size("mask_size"), try configuration.size("feature_size")
        )
        guard cells.height >= 1, cells.width >= 1 else {
            throw configuration.refusal("mask_size", "at least 1")
        }
        // Of all granularities that give so many cells this is the largest.
        let granularity = output.height / cells.height
        guard granularity >= 1, output.height / granularity == cells.height,
            output.width / granularity == cells.width
        else {
            throw configuration.refusal(
                "mask_size", "the feature size over a whole number, rounded down")
        }
        let layer = try LASNetMaskUnit(
            channels: configuration.positive("in_channels"), granularity: granularity,
            stride: configuration.positive("dilate_stride"))
        return BuiltLayer(layer) { inputs in
            let mask = try layer(try inputs.map("x"))
            guard mask.size == output else {
                throw configuration.refusal("feature_size", "the output's size, \(mask.size)")
            }
            return [.map("y", try mask.mask())]
        }
    }

    private static let dgNetSpatialGate = LayerAdapter(
        "DGNetSpatialGate", reference: "DGNet Mask_s and its block's upsampling, in inference",
        keys: [
            .required("h", "height H' of the block's output"),
            .required("w", "width W' of the block's output"),
            .required("planes", "channels C"),
            .required("block_w", "columns of outputs in a cell"),
            .required("block_h", "rows of outputs in a cell; as many as columns"),
            .optional("eps", .number(0.66667), "temperature of the noise; for training only"),
            .optional("bias", -1, "initial bias; below 0: there is none"),
        ],
        weights: [
            .init("atten_s.weight", "[1, C, 3, 3]"), .init("atten_s.bias", "[1]", optional: true),
        ],
        outputs: mask + [.init("mask_s", "[B, 1, H'/block_h, W'/block_w], rounded up: the cells'")]
    ) { configuration in
        _ = try configuration.number("eps")
        let cell = try configuration.positive("block_w")
        try configuration.require("block_h", .number(Double(cell)))
        let output = Size2d(
            height: try configuration.length("h"), width: try configuration.length("w"))
        let layer = try DGNetSpatialGate(
            channels: configuration.positive("planes"), cellSize: cell,
            bias: configuration.number("bias") >= 0)
        return BuiltLayer(layer) { inputs in
            let masks = try layer.masks(for: inputs.map("x"), output: output)
            return [
                .map("y", try masks.pixels.mask()), .map("mask_s", try masks.cells.mask()),
            ]
        }
    }

    private static let normGate = LayerAdapter(
        "NormGate", reference: "Skip-Conv NormGate in inference, norms not rounded to 1e-5",
        keys: [
            .required("kernel_size", "k or [kh, kw]"),
            .required("stride", "s or [sh, sw]"),
            .required("padding", "p or [ph, pw]"),
            .optional("type", "output", "\"output\" or \"input\""),
            .optional("eps", .number(0.1), "threshold"),
            .optional("norm", 1, "1"),
            .optional("divisor", .null, "a number; null: the output's height, as the reference"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]: a residual"),
            .init(
                "w", "[O, C/g, kh, kw]: the convolution's weight, for \"output\"", optional: true),
        ], outputs: mask
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
