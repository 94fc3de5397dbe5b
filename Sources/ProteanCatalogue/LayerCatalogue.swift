import Protean

/// Every layer that `protean apply` runs.
package enum LayerCatalogue {
    /// All entries by name, capitals like small letters; one line per layer.
    package static let entries: [LayerEntry] = [
        .activeConv2d,
        .adaptiveAvgPool2d,
        .adaptivelyConnectedConv2d,
        .affineGrid,
        .avgPool2d,
        .batchNorm1d,
        .batchNorm2d,
        .branches,
        .condConv2d,
        .conv1d,
        .conv2d,
        .convTranspose2d,
        .dcnv3,
        .dcnv4,
        .deformableConv2d,
        .deformableConv2dPack,
        .deformableKernelConv2d,
        .deformRoIPool,
        .deltaConv2d,
        .deltaSequential,
        .dgNetSpatialGate,
        .displacedDeformableKernelConv2d,
        .dropout,
        .dynamicReLU,
        .dynConvBasicBlock,
        .dynConvBottleneck,
        .dynConvInvertedResidual,
        .dynConvMaskUnit,
        .flatten,
        .gelu,
        .globalAveragePool2d,
        .globalDeformableKernelConv2d,
        .gridSample,
        .groupNorm,
        .hardSigmoid,
        .hardSwish,
        .identity,
        .instanceNorm2d,
        .lasNetMaskUnit,
        .layerNorm,
        .leakyReLU,
        .linear,
        .lowCostCollaborativeConv2d,
        .maskedConv2d,
        .maxPool2d,
        .mish,
        .modulatedDeformableConv2d,
        .normGate,
        .perforatedConv2d,
        .pixelShuffle,
        .pixelUnshuffle,
        .pointRefine,
        .prelu,
        .relu,
        .relu6,
        .residual,
        .resize,
        .rmsNorm,
        .roiAlign,
        .sequential,
        .sigmoid,
        .silu,
        .softmax,
        .sparseBlocksConv,
        .sparseMaskBlock,
        .sparseMaskModule,
        .spatiallyAdaptiveBottleneck,
        .spatiallyAdaptiveComputationTime,
        .spatialTransformer,
        .squeezeExcitation,
        .submanifoldConv2d,
        .tanh,
    ]

    /// The entry of a layer, by the Swift type's name.
    package static func entry(named name: String) throws -> LayerEntry {
        guard let found = entries.first(where: { $0.name == name }) else {
            throw ProteanError.unknownName(
                kind: "layer", name: name, known: entries.map(\.name))
        }
        return found
    }
}
