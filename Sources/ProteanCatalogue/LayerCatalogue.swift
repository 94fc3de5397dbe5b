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
        .batchNorm2d,
        .condConv2d,
        .conv2d,
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
        .dynamicReLU,
        .dynConvBasicBlock,
        .dynConvBottleneck,
        .dynConvInvertedResidual,
        .dynConvMaskUnit,
        .embedding,
        .fold,
        .globalDeformableKernelConv2d,
        .gridSample,
        .lasNetMaskUnit,
        .linear,
        .lowCostCollaborativeConv2d,
        .maskedConv2d,
        .maxPool2d,
        .modulatedDeformableConv2d,
        .multiheadAttention,
        .normGate,
        .perforatedConv2d,
        .pointRefine,
        .reflectionPad2d,
        .replicationPad2d,
        .roiAlign,
        .simAM,
        .sparseBlocksConv,
        .sparseMaskBlock,
        .sparseMaskModule,
        .spatiallyAdaptiveBottleneck,
        .spatiallyAdaptiveComputationTime,
        .spatialTransformer,
        .squeezeExcitation,
        .submanifoldConv2d,
        .unfold,
        .upsample,
        .zeroPad2d,
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
